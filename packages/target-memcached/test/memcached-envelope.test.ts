import { SeededRandom } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { memcachedValue } from '../src/index.ts'
import { envelopeOf, withVersion } from '../src/memcached-envelope.ts'
import { itemKeyOf } from '../src/memcached-keys.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const random = new SeededRandom(seed)

describe('an item', () => {
  test('gives back version and value, of text and bytes, for any int64', () => {
    const versions = [1n, 2n ** 53n + 1n, 2n ** 63n - 1n]
    for (let run = 0; run < 500; run++) {
      versions.push(
        (BigInt(random.integer(0, 2 ** 31 - 1)) << 32n) + BigInt(random.integer(0, 2 ** 32 - 1)),
      )
    }
    for (const version of versions) {
      expect(memcachedValue(withVersion(version, '{"a":1}'))).toEqual({ version, value: '{"a":1}' })
      const bytes = Uint8Array.from({ length: 20 }, () => random.integer(0, 255))
      const held = memcachedValue(withVersion(version, bytes))
      expect(held.version).toBe(version)
      expect(Buffer.from(held.value as Uint8Array)).toEqual(Buffer.from(bytes))
      expect(memcachedValue(withVersion(version, undefined))).toEqual({ version, value: undefined })
    }
  })

  test('is the JSON of its value to whoever knows nothing of versions', () => {
    expect(JSON.parse(`${withVersion(2n ** 62n + 5n, '{"a":[1]}')}`)).toEqual({ a: [1] })
    expect(JSON.parse(`${withVersion(2n ** 62n + 5n, undefined)}`)).toBe(null)
  })

  test('gives back what is kept of patches, which no reader sees', () => {
    const marks = '{"since":"1","patched":{"Ærø":"5"}}'
    for (const value of ['{"a":1}', undefined]) {
      const held = `${withVersion(5n, value, marks)}`
      expect(envelopeOf(held)).toEqual({ version: 5n, value, marks })
      expect(memcachedValue(held)).toEqual({ version: 5n, value })
      expect(JSON.parse(held)).toEqual(value === undefined ? null : { a: 1 })
      const bytes = envelopeOf(Buffer.from(held))
      expect(bytes).toMatchObject({ version: 5n, marks })
      expect(bytes.value?.toString()).toBe(value)
    }
  })

  // As releases so far have stored them. Never changed: an item outlives the process that wrote it.
  const marks = [
    '\t\t\t\t\t\t\t\t\t\t\t\t\t \t\t',
    '\n \r \t\r\t\r\n \t \n\r\r\n\n\r \r\n\r\t \n\r\n\n\t\r\t\r',
    '\t \r\r\t\r\t\r\t \t\n\t\r\t\r\t\r \t\t\r\t\r\n \t\t\n\r\t\n',
    '\n \n\t\n\r\t \n\r\r\t\n\r\n\n\n\r\n\t\t\r\t\r\t \r\r\n \r ',
    '\t\r\t\r\n\r\t\r\t\r\t\r\t \r\r\t\r\t\r\t \t\n\t \n \t \t ',
    '\t \n\n\t \n\r\t \r\t\t \r\n\t \n\r\t \t\t\t \t\t\t \t\t',
    '\t \t\t\t \t\t\t \t\t\t \t\n\t \n\r\t\r\t\r\n  \n\n  \n',
  ].join('')
  test.each([
    [
      ' \t\t\t\t\t\t\n\r\t\r\r\r\r\n\r\n\r \r\r\t\t \t\n\r\t\t\t\n\t\t\n{"a":1}',
      1735689600000016n,
      '{"a":1}',
      undefined,
    ],
    [
      '\t\t\t\t\t\t\t\n\r\t\r\r\r\r\n\r\n\r \r\r\t\t \t\n\r\t\t\t\n\t\t\nnull',
      1735689600000016n,
      undefined,
      undefined,
    ],
    [
      `\r\t\t\t\t\t\t\n\r\t\r\r\r\r\n\r\n\r \r\r\t\t \t\n\r\t\t\t\n\t\n\n${marks}{"a":1}`,
      1735689600000017n,
      '{"a":1}',
      '{"since":"1","patched":{"b":"1735689600000016"}}',
    ],
    [
      `\n\t\t\t\t\t\t\n\r\t\r\r\r\r\n\r\n\r \r\r\t\t \t\n\r\t\t\t\n\t\n\n${marks}null`,
      1735689600000017n,
      undefined,
      '{"since":"1","patched":{"b":"1735689600000016"}}',
    ],
  ])(
    'of any release so far is read, and written again as it was: %j',
    (held, version, value, kept) => {
      expect(envelopeOf(held)).toEqual({ version, value, marks: kept })
      expect(withVersion(version, value, kept)).toBe(held)
    },
  )

  const later = [`${' '.repeat(40)}1`, `${'\n'.repeat(60)}1`, `\r${' '.repeat(32)}\n`]
  test.each(later)(
    'in a form of a later release is told apart from one that has no version: %j',
    (held) => {
      expect(envelopeOf(held).isLater).toBe(true)
      expect(envelopeOf(Buffer.from(held)).isLater).toBe(true)
    },
  )

  const foreign = ['', 'text', '{"a":1}', '\n', `${' '.repeat(33)}1`, `\t\n\r ${'\n'.repeat(29)}x`]
  test.each(foreign)('that something else stored has no version: %j', (held) => {
    expect(envelopeOf(held).isLater).toBeUndefined()
    expect(memcachedValue(held)).toEqual({ version: undefined, value: held })
    const bytes = Buffer.from(held)
    expect(memcachedValue(bytes)).toEqual({ version: undefined, value: bytes })
  })
})

describe('the key of an item', () => {
  const same = (key: string): string => key
  test('is the same where memcached takes it', () => {
    for (const key of ['a', 'film:1', 'Ærø', '{a}', '日本語'])
      expect(itemKeyOf(key, same)).toBe(key)
  })

  test('has nothing in it that would end it, and is never that of another', () => {
    const keys = ['a b', 'a%20b', 'a\tb', 'a\nb', 'a\r\nb', 'a\u0000b', 'a\u00a0b', 'a%b', '%']
    const names = keys.map((key) => itemKeyOf(key, same))
    expect(names.filter((name) => /[\s\p{Cc}]/u.test(name))).toEqual([])
    expect(new Set(names).size).toBe(keys.length)
  })

  test.each([
    ['too long in bytes', 'ø'.repeat(126), same],
    ['empty', '', same],
    ['none', undefined, same],
    ['made of nothing', 'a', () => undefined as never],
  ])('is refused where it is %s', (_, key, rename) => {
    expect(() => itemKeyOf(key, rename)).toThrow(expect.objectContaining({ status: 'permanent' }))
  })
})

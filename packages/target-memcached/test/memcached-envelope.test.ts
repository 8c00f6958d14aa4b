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

  const foreign = ['', 'text', '{"a":1}', '\n', `${' '.repeat(40)}1`, `\t\n\r ${'\n'.repeat(29)}x`]
  test.each([...foreign, `${'\n'.repeat(60)}1`, `\r${' '.repeat(32)}\n`])(
    'that something else stored has no version: %j',
    (held) => {
      expect(memcachedValue(held)).toEqual({ version: undefined, value: held })
      const bytes = Buffer.from(held)
      expect(memcachedValue(bytes)).toEqual({ version: undefined, value: bytes })
    },
  )
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

import { describe, expect, it } from 'vitest'
import { type Random, systemRandom } from '../src/random.ts'
import { bytesOfLastId, isRecordId, RecordIds } from '../src/record-id.ts'

describe('RecordIds', () => {
  it('makes UUIDs of version 7 with the time in their first 48 bits', () => {
    const id = new RecordIds(systemRandom).next(0x0123_4567_89ab)
    expect(id).toMatch(/^01234567-89ab-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(isRecordId(id)).toBe(true)
  })

  it('makes ids that differ and sort in the order in which they were made', () => {
    let now = 1_800_000_000_000
    const ids = new RecordIds(systemRandom)
    const made = Array.from({ length: 20_000 }, (_, index) => {
      if (index % 7000 === 0) now += index % 2 === 0 ? 1 : -5
      return ids.next(now)
    })
    expect(new Set(made).size).toBe(made.length)
    expect(made.toSorted()).toEqual(made)
  })
})

describe('bytesOfLastId', () => {
  it('has the bytes of the id made last, whoever made it, and of no other', () => {
    const [one, other] = [new RecordIds(systemRandom), new RecordIds(systemRandom)]
    const before = one.next(1_800_000_000_000)
    const last = other.next(1_800_000_000_000)
    const hex = Buffer.from(bytesOfLastId(last) ?? []).toString('hex')
    expect(hex).toBe(last.replaceAll('-', ''))
    expect([bytesOfLastId(before), bytesOfLastId('')]).toEqual([undefined, undefined])
  })

  it('has none of an id whose bytes the next one has begun to write over, and could not be made', () => {
    let fills = 1
    const fill: Random['fill'] = (bytes) => {
      if (fills-- === 0) throw new Error('no randomness')
      return bytes
    }
    const ids = new RecordIds({ ...systemRandom, fill })
    let last = ''
    expect(() => {
      for (;;) last = ids.next(1_800_000_000_000)
    }).toThrow('no randomness')
    expect(bytesOfLastId(last)).toBeUndefined()
  })
})

describe('isRecordId', () => {
  it.each(['', 'abc', '0123456789ab', '01234567-89AB-7000-8000-000000000000'])(
    'refuses %s',
    (id) => {
      expect(isRecordId(id)).toBe(false)
    },
  )
})

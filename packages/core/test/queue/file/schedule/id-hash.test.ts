import { describe, expect, it } from 'vitest'
import { hashOfId } from '../../../../src/queue/file/schedule/id-hash.ts'
import { RecordIds } from '../../../../src/record-id.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

describe('hashOfId', () => {
  it('spreads ids that follow each other evenly over its whole range', () => {
    const ids = new RecordIds(new SeededRandom(seed))
    const count = 64_000
    const hashes = Array.from({ length: count }, (_, at) =>
      hashOfId(ids.next(1_700_000_000_000 + at)),
    )
    expect(new Set(hashes).size).toBe(count)
    for (const unit of [1, 2 ** 20, 2 ** 32, 2 ** 46]) {
      const buckets = new Uint32Array(64)
      for (const hash of hashes) {
        const bucket = Math.floor(hash / unit) % 64
        buckets[bucket] = (buckets[bucket] ?? 0) + 1
      }
      // 1,000 each, give or take five times the standard deviation.
      expect(Math.min(...buckets), `bits from ${unit} on`).toBeGreaterThan(840)
      expect(Math.max(...buckets), `bits from ${unit} on`).toBeLessThan(1160)
    }
  })

  it('is a whole number below 2^52, also of ids that are no UUID', () => {
    for (const id of ['', 'a', 'b', 'ab', 'ba', 'ä', '\u{1f3ac}', 'x'.repeat(10_000)]) {
      expect(hashOfId(id)).toBeGreaterThanOrEqual(0)
      expect(hashOfId(id)).toBeLessThan(2 ** 52)
      expect(Number.isInteger(hashOfId(id))).toBe(true)
    }
  })

  it('stays as it is: runs on disks rest on it', () => {
    expect(hashOfId('019aa9b2-7c00-7000-8000-00000000002a')).toBe(1_266_883_766_375_985)
  })
})

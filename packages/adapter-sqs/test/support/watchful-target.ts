import type { Target, WalRecord } from '@daybook/core'
import { type Identified, reportDelivery } from '@daybook/core/testing'
import { expect } from 'vitest'

/** A target that remembers what it applied, and whether two records of a key were ever in it at once. */
export class WatchfulTarget implements Target<number>, Applied {
  /** What is applied twice does no harm here. */
  readonly idempotency = 'id'
  readonly applied: Identified[] = []
  overlaps = 0
  readonly #ids = new Set<string>()
  readonly #inside = new Set<string>()

  /** How many records were applied, however often. */
  get distinct(): number {
    return this.#ids.size
  }

  async apply(records: readonly WalRecord<number>[]): Promise<void> {
    const keys = records.map(({ key = '' }) => key)
    for (const key of keys) {
      if (this.#inside.has(key)) this.overlaps++
      this.#inside.add(key)
    }
    await new Promise((resolve) => setTimeout(resolve, 2))
    for (const { id, key } of records) {
      this.#ids.add(id)
      this.applied.push({ id, key })
    }
    for (const key of keys) this.#inside.delete(key)
  }
}

/** What was applied, and how often two records of a key were applied at once. */
export interface Applied {
  readonly applied: readonly Identified[]
  readonly overlaps: number
}

/**
 * Nothing lost, repeats of a small part only, which are counted and told of, and on a FIFO queue none of a key before an
 * earlier one, nor beside another.
 */
export function expectWhole(
  written: readonly Identified[],
  { applied, overlaps }: Applied,
  { isFifo }: { readonly isFifo: boolean },
): void {
  const { lost, unknown, outOfOrder, repeated } = reportDelivery(written, applied)
  const kind = isFifo ? 'in order' : 'in any order'
  process.stdout.write(
    `${written.length} records ${kind}, ${lost.length} lost, ${repeated.length} repeated\n`,
  )
  expect({ lost, unknown }).toEqual({ lost: [], unknown: [] })
  if (isFifo) expect({ outOfOrder, overlaps }).toEqual({ outOfOrder: [], overlaps: 0 })
  expect(repeated.length).toBeLessThan(written.length / 4)
}

import { createWal } from '@daybook/core'
import type { Item, Pace, Payload, StoreRound } from './store.ts'

/** One round of either side. */
export interface TargetRound {
  readonly recordsPerSecond: number
}

/** Microseconds since 1970, as records have them. */
const firstVersion = 1_763_971_200_000_000n

/** Writes the items by hand: so many batches under way at once, each of so many items. */
export async function loopByHand(
  { writeBatch, count }: StoreRound,
  items: readonly Item[],
  { batchRecords, concurrency }: Pace,
): Promise<TargetRound> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const from = next
      next += batchRecords
      await writeBatch(items.slice(from, from + batchRecords), firstVersion + BigInt(from))
    }
  }
  const ms = await timed(() => Promise.all(Array.from({ length: concurrency }, worker)))
  return judge(items.length, await count(), ms)
}

/**
 * Applies the same items out of a file log that holds them already: from the start of delivery until
 * all of it is applied, and acknowledged to the log.
 */
export async function throughWal(
  { target, count }: StoreRound,
  items: readonly Item[],
  { batchRecords, concurrency }: Pace,
  directory: string,
): Promise<TargetRound> {
  const batch = { maxRecords: batchRecords }
  const wal = await createWal({
    directory,
    namespaces: { bench: { targets: { target }, batch, concurrency } },
  })
  try {
    const records = items.map(({ key, payload }: { key: string; payload: Payload }) => ({
      key,
      payload,
    }))
    await wal.namespace('bench').writeMany(records)
    let dead = 0
    wal.on('deadLettered', () => {
      dead++
    })
    const ms = await timed(async () => {
      await wal.start()
      await wal.drain({ timeout: '15m' })
    })
    if (dead > 0) throw new Error(`${dead} records became dead letters`)
    return judge(items.length, await count(), ms)
  } finally {
    await wal.close()
  }
}

function judge(written: number, held: number, ms: number): TargetRound {
  if (held !== written)
    throw new Error(`${written} records were written, and the store holds ${held}`)
  return { recordsPerSecond: (written / ms) * 1000 }
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await run()
  return performance.now() - startedAt
}

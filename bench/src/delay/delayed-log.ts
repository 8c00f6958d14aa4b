import { bytesCodec, createWal, defineTarget, delayedQueue, type WalRecord } from '@daybook/core'

/** Opens the log of this benchmark. `applied` hears of each batch that the target is given. */
export function openDelayedLog(
  directory: string,
  applied: (records: readonly WalRecord<Uint8Array>[]) => void,
) {
  const target = defineTarget<Uint8Array>(async (records) => applied(records), {
    idempotency: 'id',
  })
  return createWal({
    directory,
    namespaces: { bench: delayedQueue({ codec: bytesCodec, target, delay: 0 }) },
  })
}

export type DelayedLog = Awaited<ReturnType<typeof openDelayedLog>>

const recordsPerCall = 500
const callers = 4

export interface DelayedRecords {
  readonly count: number
  readonly payloadBytes: number
  /** When the record with this number is due, in ms since the Unix epoch. */
  dueAt(index: number): number
  /** Called now and then with how many are written. */
  onProgress?(written: number): void
}

/** Writes so many delayed records, a few hundred to a call, a few calls at a time. */
export async function writeDelayed(wal: DelayedLog, records: DelayedRecords): Promise<void> {
  const payload = new Uint8Array(records.payloadBytes).fill(7)
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < records.count) {
      const from = next
      next = Math.min(records.count, from + recordsPerCall)
      const inputs = Array.from({ length: next - from }, (_, index) => ({
        payload,
        at: records.dueAt(from + index),
      }))
      await wal.writeMany('bench', inputs)
      records.onProgress?.(next)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
}

/** Records that wait for their time. */
export async function delayedIn(wal: DelayedLog): Promise<number> {
  const { targets } = await wal.namespace('bench').status()
  return targets.target.delivery?.delayed ?? 0
}

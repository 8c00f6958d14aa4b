import { createWal, delayedQueue, fanOut, type } from '@daybook/core'
import type { Stream, StreamStore } from './stream-store.ts'

/** How deletions go: the store has to serve viewers besides. */
export const cleanupPlan = {
  /** Somebody may be watching still. */
  delayMs: 4_000,
  /** What is scheduled at once need not be due at once. */
  jitterMs: 2_000,
  perSecond: 200,
  burst: 20,
  /** Records in a batch, and batches at once: what may be on its way to the store at any instant. */
  batch: 10,
  concurrency: 2,
} as const

/**
 * Opens the log. What is to be there is put at once; what is to go is written down at once as well, and
 * deleted later: not before its delay is over, and no more in a second than the store can bear.
 */
export function openCleanupWal(directory: string, store: StreamStore) {
  const { delayMs, jitterMs, perSecond, burst, batch, concurrency } = cleanupPlan
  return createWal({
    directory,
    namespaces: {
      streams: fanOut({ payload: type<Stream>(), targets: { store: store.target() } }),
      'stream-cleanup': delayedQueue({
        payload: type<Stream>(),
        target: store.target(),
        delay: delayMs,
        jitter: jitterMs,
        rateLimit: { perSecond, burst },
        batch: { maxRecords: batch },
        concurrency,
      }),
    },
  })
}

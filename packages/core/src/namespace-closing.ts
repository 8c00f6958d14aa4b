import type { Clock } from './clock.ts'
import { closeAll, closingMs } from './close-all.ts'

/** What a namespace is made of, as far as it has to be closed. */
export interface NamespaceParts {
  readonly replays: { close(): Promise<unknown> }
  readonly transactions: { idle(longestMs: number): Promise<void>; close(): unknown } | undefined
  readonly producer: { idle(longestMs: number): Promise<void>; close(): unknown }
  readonly delivery: { close(deadlineMs: number): Promise<void> }
  readonly delayed: { idle(): unknown }
  /** Letters that are being redriven or discarded: their records may be in the queue already. */
  readonly lettersAtWork: { idle(): Promise<unknown> }
  readonly letters: { close(): unknown } | undefined
  readonly queue: { close(): unknown }
}

/**
 * Lets writes and applies that are under way finish until the deadline, side by side, and closes every part,
 * those first that need others.
 */
export async function closeNamespace(
  {
    replays,
    transactions,
    producer,
    delivery,
    delayed,
    lettersAtWork,
    letters,
    queue,
  }: NamespaceParts,
  { clock, deadlineMs }: { readonly clock: Clock; readonly deadlineMs: number },
): Promise<void> {
  const deadline = clock.monotonic() + deadlineMs
  const leftMs = (): number => Math.max(0, deadline - clock.monotonic())
  const replayed = replays.close()
  // Each transaction ends with a write.
  const idle = (transactions?.idle(leftMs()) ?? Promise.resolve()).then(() =>
    producer.idle(leftMs()),
  )
  try {
    await delivery.close(deadlineMs)
  } finally {
    await idle
    const groups = [
      [
        { what: 'call of cancel or reschedule', close: () => delayed.idle() },
        { what: 'replay', close: () => replayed },
        { what: 'redrive or discard of dead letters', close: () => lettersAtWork.idle() },
      ],
      // A discard that is under way puts the head of its transaction.
      [{ what: 'store of transactions', close: () => transactions?.close() }],
      [
        { what: 'producer', close: () => producer.close() },
        { what: 'dead-letter queue', close: () => letters?.close() },
      ],
      [{ what: 'queue', close: () => queue.close() }],
    ]
    await closeAll(groups, { clock, until: deadline + closingMs })
  }
}

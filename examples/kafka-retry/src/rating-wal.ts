import { createWal, delayedQueue, fanOut, type Target, type } from '@daybook/core'
import type { Rating } from './rating.ts'

/**
 * Opens the log beside Kafka. It holds what Kafka would not take, until it does; and what could not be handled
 * when Kafka handed it out, until it can.
 */
export function openRatingWal(directory: string, kafka: Target<Rating>, handler: Target<Rating>) {
  return createWal({
    directory,
    namespaces: {
      unsent: fanOut({
        payload: type<Rating>(),
        order: 'key',
        targets: { kafka },
        // Attempts are for a topic that seems to be gone: longer than a broker takes to start. An outage spends none.
        retry: { maxAttempts: 12, minDelay: '500ms', maxDelay: '5s' },
        breaker: { minOpen: '200ms', maxOpen: '1s' },
      }),
      unhandled: delayedQueue({
        payload: type<Rating>(),
        target: handler,
        delay: '1s',
        jitter: '200ms',
        retry: { maxAttempts: 20, minDelay: '500ms', maxDelay: '2s' },
        breaker: { minOpen: '300ms', maxOpen: '1s' },
      }),
    },
  })
}

/** The log beside Kafka. */
export type RatingWal = Awaited<ReturnType<typeof openRatingWal>>

import type { DeliveryEvents } from './delivery/delivery-events.ts'
import type { DeadLetter } from './dlq/dead-letter.ts'
import type { StoredDeadLetter } from './dlq/dlq.ts'
import type { TargetPlace, WalEmitter } from './events.ts'

/** Passes on what one target's delivery tells, with the place where it happened. */
export function eventsAt(
  place: TargetPlace,
  emitter: WalEmitter,
  present: (letter: StoredDeadLetter) => DeadLetter,
): DeliveryEvents {
  return {
    applied: (records) => emitter.emit('applied', { ...place, records }),
    superseded: (records) => emitter.emit('superseded', { ...place, records }),
    retry: (event) => emitter.emit('retry', { ...place, ...event }),
    held: (event) => emitter.emit('held', { ...place, ...event }),
    recovered: (event) => emitter.emit('recovered', { ...place, ...event }),
    deadLettered(letter) {
      if (emitter.listenerCount('deadLettered') > 0) emitter.emit('deadLettered', present(letter))
    },
    lost: (event) => emitter.emit('lost', { ...place, ...event }),
    paused: (event) => emitter.emit('paused', { ...place, ...event }),
    resumed: () => emitter.emit('resumed', place),
    error: (error) => emitter.report({ ...place, error }),
  }
}

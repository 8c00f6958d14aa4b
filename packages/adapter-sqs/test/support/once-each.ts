import type { Consumer, Delivery, Queue } from '@daybook/core'

/** What became of a record: its deliveries, of which each has to be ended, and whether it was acked. */
interface Seen {
  readonly deliveries: Delivery[]
  isAcked: boolean
}

/**
 * A queue that may hand out a record more than once, for a suite that counts what it hands out: a repeat goes with the
 * first of its record where that is held, and is acked where that was. `repeats` tells how many there were.
 * Over a crash it lasts as a store that goes by id does.
 */
export class OnceEach {
  repeats = 0
  readonly #byTarget = new Map<string, Map<string, Seen>>()

  over(queue: Queue): Queue {
    return {
      ...{ kind: queue.kind, supports: queue.supports },
      open: (context) => queue.open(context),
      producer: () => queue.producer(),
      consumer: async (target) => this.#consumer(await queue.consumer(target), target),
      deadLetters: () => queue.deadLetters(),
      close: () => queue.close(),
    }
  }

  #consumer(inner: Consumer, target: string): Consumer {
    const known = this.#byTarget.get(target) ?? []
    // What the last one held and had not acked is anybody's now.
    const seen = new Map([...known].filter(([, { isAcked }]) => isAcked))
    this.#byTarget.set(target, seen)
    const all = ({ record: { id } }: Delivery): readonly Delivery[] =>
      seen.get(id)?.deliveries ?? []
    return {
      pull: async (options) => {
        for (;;) {
          const deliveries = await inner.pull(options)
          const fresh = deliveries.filter((delivery) => this.#isFirst(seen, delivery))
          await inner.ack(deliveries.filter(({ record: { id } }) => seen.get(id)?.isAcked))
          if (fresh.length > 0 || deliveries.length === 0 || options.signal.aborted) return fresh
        }
      },
      ack: async (deliveries) => {
        await inner.ack(deliveries.flatMap(all))
        for (const { record } of deliveries) {
          const one = seen.get(record.id)
          if (one !== undefined) one.isAcked = true
        }
      },
      release: async (releases) => {
        const whole = releases.flatMap((release) =>
          all(release.delivery).map((delivery) => ({ ...release, delivery })),
        )
        for (const { delivery } of releases) {
          if (!seen.get(delivery.record.id)?.isAcked) seen.delete(delivery.record.id)
        }
        await inner.release(whole)
      },
      saveAttempts: (saved) =>
        inner.saveAttempts(
          saved.flatMap((one) => all(one.delivery).map((delivery) => ({ ...one, delivery }))),
        ),
      backlog: () => inner.backlog(),
      watermark: (options) => inner.watermark(options),
      close: () => inner.close(),
    }
  }

  #isFirst(seen: Map<string, Seen>, delivery: Delivery): boolean {
    const before = seen.get(delivery.record.id)
    if (before === undefined) {
      seen.set(delivery.record.id, { deliveries: [delivery], isAcked: false })
      return true
    }
    this.repeats++
    before.deliveries.push(delivery)
    return false
  }
}

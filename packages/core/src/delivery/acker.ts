import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { Alarms } from './alarms.ts'

export interface AckerOptions {
  readonly consumer: Consumer
  readonly alarms: Alarms
  /** Wait before a failed ack is tried again, in ms; told how many have failed in a row. */
  backoffMs(failures: number): number
  onError(error: unknown): void
  /** Acks went through. */
  onAcked(): void
}

/**
 * Acks what is done with: one call at a time, or as many as the consumer declares. What is done meanwhile
 * goes with the next. A failed ack is tried again, since until it succeeds the record would come again;
 * until one has succeeded nothing goes beside it. What has a key in a call under way is held back until that
 * has ended: were the earlier ack lost and the later one not, the earlier record would come again, last.
 */
export class Acker {
  readonly #options: AckerOptions
  readonly #atOnce: number
  /** Records that one more ack beside another takes, or a multiple. */
  readonly #least: number
  /** The consumer keeps acks in the order of the calls. */
  readonly #keepsOrder: boolean
  #waiting: Delivery[] = []
  /** Done with before what waits, and behind a call under way with their keys. */
  readonly #held: Delivery[] = []
  readonly #keysUnderWay = new Set<string>()
  #calls = 0
  #recordsUnderWay = 0
  #failures = 0
  /** Something failed, and its wait is not over: all others wait with it. */
  #backsOff = false
  readonly #flushers: (() => void)[] = []
  /** Who waits for the ack of one. */
  readonly #told = new Map<Delivery, () => void>()

  constructor(options: AckerOptions) {
    const { acks } = options.consumer
    const { atOnce, records } = acks ?? { atOnce: 1, records: 1 }
    this.#options = options
    this.#keepsOrder = acks === undefined
    this.#atOnce = atOnce
    this.#least = records
  }

  /** Records done with whose ack has not gone through. */
  get pending(): number {
    return this.#waiting.length + this.#held.length + this.#recordsUnderWay
  }

  /** They are done with. */
  ack(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return
    if (this.#waiting.length === 0) this.#waiting = [...deliveries]
    else for (const delivery of deliveries) this.#waiting.push(delivery)
    if (!this.#backsOff) this.#send()
  }

  /**
   * Like `ack`, for the copy of a dead letter; resolves once it has gone through, however often it was tried. Where the
   * consumer keeps acks in order it goes beside the others, since the file log syncs it: behind it theirs would come
   * after the begin of the next record of their key, and a crash would turn the two. Elsewhere it is one of them.
   */
  ackAlone(delivery: Delivery): Promise<void> {
    return new Promise((resolve) => {
      this.#told.set(delivery, resolve)
      if (this.#keepsOrder && !this.#backsOff) this.#call([delivery], 0)
      else this.ack([delivery])
    })
  }

  /** Resolves once nothing is pending; tries at once what waits for another try. */
  flush(): Promise<void> {
    if (this.pending === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#flushers.push(resolve)
      this.#send()
    })
  }

  #send(): void {
    const deliveries = this.#next()
    if (deliveries.length === 0) return
    if (this.#atOnce > 1) {
      for (const { record } of deliveries) {
        if (record.key !== undefined) this.#keysUnderWay.add(record.key)
      }
    }
    this.#call(deliveries, 1)
  }

  /** `calls`: 0 for one that holds up no other. */
  #call(deliveries: readonly Delivery[], calls: 0 | 1): void {
    this.#calls += calls
    this.#recordsUnderWay += deliveries.length
    acked(this.#options.consumer, deliveries).then(
      () => this.#succeeded(deliveries, calls),
      (error: unknown) => this.#failed(deliveries, calls, error),
    )
  }

  /** What goes now. Beside another ack nothing that would fill its call in part only. */
  #next(): readonly Delivery[] {
    const waiting = this.#waiting
    if (this.#calls > 0) {
      const atOnce = this.#failures > 0 ? 1 : this.#atOnce
      if (this.#calls >= atOnce || waiting.length < this.#least) return []
      return this.#beside()
    }
    this.#waiting = []
    return waiting
  }

  /** Full calls of what has no key under way. */
  #beside(): readonly Delivery[] {
    const free: Delivery[] = []
    for (const delivery of this.#waiting) {
      const { key } = delivery.record
      if (key !== undefined && this.#keysUnderWay.has(key)) this.#held.push(delivery)
      else free.push(delivery)
    }
    this.#waiting = free.splice(free.length - (free.length % this.#least))
    return free
  }

  #succeeded(deliveries: readonly Delivery[], calls: 0 | 1): void {
    this.#ended(deliveries, calls)
    for (const delivery of this.#told.size > 0 ? deliveries : []) {
      this.#told.get(delivery)?.()
      this.#told.delete(delivery)
    }
    if (!this.#backsOff) {
      this.#failures = 0
      this.#send()
    }
    if (this.pending === 0) for (const resolve of this.#flushers.splice(0)) resolve()
    this.#options.onAcked()
  }

  #failed(deliveries: readonly Delivery[], calls: 0 | 1, error: unknown): void {
    const { alarms, backoffMs, onError } = this.#options
    this.#ended(deliveries, calls)
    // Before what was held back behind them.
    this.#waiting = [...deliveries, ...this.#waiting]
    onError(error)
    // Of several that were under way the first decides how long all wait.
    if (this.#backsOff) return
    this.#failures++
    this.#backsOff = true
    alarms.set(backoffMs(this.#failures), () => {
      this.#backsOff = false
      this.#send()
    })
  }

  #ended(deliveries: readonly Delivery[], calls: 0 | 1): void {
    this.#calls -= calls
    this.#recordsUnderWay -= deliveries.length
    // Each is in one call only. One that goes alone has noted none.
    if (this.#keysUnderWay.size > 0) {
      for (const { record } of deliveries) {
        if (record.key !== undefined) this.#keysUnderWay.delete(record.key)
      }
    }
    if (this.#held.length > 0) this.#waiting = [...this.#held.splice(0), ...this.#waiting]
  }
}

/** Also what is thrown at once becomes a rejection. */
async function acked(consumer: Consumer, deliveries: readonly Delivery[]): Promise<void> {
  await consumer.ack(deliveries)
}

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
 * until one has succeeded nothing goes beside it.
 */
export class Acker {
  readonly #options: AckerOptions
  readonly #atOnce: number
  /** Records that one more ack beside another takes, or a multiple. */
  readonly #least: number
  #waiting: Delivery[] = []
  #calls = 0
  #recordsUnderWay = 0
  #failures = 0
  /** Something failed, and its wait is not over: all others wait with it. */
  #backsOff = false
  readonly #flushers: (() => void)[] = []

  constructor(options: AckerOptions) {
    const { atOnce, records } = options.consumer.acks ?? { atOnce: 1, records: 1 }
    this.#options = options
    this.#atOnce = atOnce
    this.#least = records
  }

  /** Records done with whose ack has not gone through. */
  get pending(): number {
    return this.#waiting.length + this.#recordsUnderWay
  }

  /** They are done with. */
  ack(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return
    if (this.#waiting.length === 0) this.#waiting = [...deliveries]
    else for (const delivery of deliveries) this.#waiting.push(delivery)
    if (!this.#backsOff) this.#send()
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
    this.#calls++
    this.#recordsUnderWay += deliveries.length
    acked(this.#options.consumer, deliveries).then(
      () => this.#succeeded(deliveries),
      (error: unknown) => this.#failed(deliveries, error),
    )
  }

  /** What goes now. Beside another ack nothing that would fill its call in part only. */
  #next(): readonly Delivery[] {
    const waiting = this.#waiting
    if (this.#calls > 0) {
      const atOnce = this.#failures > 0 ? 1 : this.#atOnce
      if (this.#calls >= atOnce || waiting.length < this.#least) return []
      const rest = waiting.length % this.#least
      if (rest > 0) return waiting.splice(0, waiting.length - rest)
    }
    this.#waiting = []
    return waiting
  }

  #succeeded(deliveries: readonly Delivery[]): void {
    this.#ended(deliveries)
    if (!this.#backsOff) {
      this.#failures = 0
      this.#send()
    }
    if (this.pending === 0) for (const resolve of this.#flushers.splice(0)) resolve()
    this.#options.onAcked()
  }

  #failed(deliveries: readonly Delivery[], error: unknown): void {
    const { alarms, backoffMs, onError } = this.#options
    this.#ended(deliveries)
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

  #ended(deliveries: readonly Delivery[]): void {
    this.#calls--
    this.#recordsUnderWay -= deliveries.length
  }
}

/** Also what is thrown at once becomes a rejection. */
async function acked(consumer: Consumer, deliveries: readonly Delivery[]): Promise<void> {
  await consumer.ack(deliveries)
}

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
 * Acks what is done with, one call at a time: what is done meanwhile goes with the next. A failed
 * ack is tried again, since until it succeeds the record would come again.
 */
export class Acker {
  readonly #options: AckerOptions
  #waiting: Delivery[] = []
  #underWay = 0
  #failures = 0
  readonly #flushers: (() => void)[] = []

  constructor(options: AckerOptions) {
    this.#options = options
  }

  /** Records done with whose ack has not gone through. */
  get pending(): number {
    return this.#waiting.length + this.#underWay
  }

  /** They are done with. */
  ack(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return
    if (this.#waiting.length === 0) this.#waiting = [...deliveries]
    else for (const delivery of deliveries) this.#waiting.push(delivery)
    if (this.#underWay === 0 && this.#failures === 0) this.#send()
  }

  /** Resolves once nothing is pending; tries at once what waits for another try. */
  flush(): Promise<void> {
    if (this.pending === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#flushers.push(resolve)
      if (this.#underWay === 0) this.#send()
    })
  }

  #send(): void {
    const deliveries = this.#waiting
    if (deliveries.length === 0 || this.#underWay > 0) return
    this.#waiting = []
    this.#underWay = deliveries.length
    const { consumer } = this.#options
    acked(consumer, deliveries).then(
      () => this.#succeeded(),
      (error: unknown) => this.#failed(deliveries, error),
    )
  }

  #succeeded(): void {
    this.#underWay = 0
    this.#failures = 0
    this.#send()
    if (this.pending === 0) for (const resolve of this.#flushers.splice(0)) resolve()
    this.#options.onAcked()
  }

  #failed(deliveries: readonly Delivery[], error: unknown): void {
    const { alarms, backoffMs, onError } = this.#options
    this.#underWay = 0
    this.#failures++
    this.#waiting = [...deliveries, ...this.#waiting]
    onError(error)
    alarms.set(backoffMs(this.#failures), () => this.#send())
  }
}

/** Also what is thrown at once becomes a rejection. */
async function acked(consumer: Consumer, deliveries: readonly Delivery[]): Promise<void> {
  await consumer.ack(deliveries)
}

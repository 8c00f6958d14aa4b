import type { Delivery } from '../../consumer/consumer.ts'
import type { LogEntry } from './log.ts'

export interface LotLimits {
  readonly maxRecords: number
  readonly maxBytes: number
}

/**
 * Handed out at once, however many may be. What is read is delivered while the processor's caches
 * still have it, which takes a tenth off a record's time; of thousands at once they have none. As many as a
 * batch has by default: of a few more, those few would be a batch of their own.
 */
const mostAtOnce = 500

/** What one pull is going to answer. */
export class PullLot {
  readonly deliveries: Delivery[] = []
  readonly #maxRecords: number
  readonly #maxBytes: number
  #bytes = 0

  constructor({ maxRecords, maxBytes }: LotLimits) {
    this.#maxRecords = Math.min(maxRecords, mostAtOnce)
    this.#maxBytes = maxBytes
  }

  get room(): number {
    return this.#maxRecords - this.deliveries.length
  }

  get roomBytes(): number {
    return this.#maxBytes - this.#bytes
  }

  get hasRoom(): boolean {
    return this.room > 0 && (this.roomBytes > 0 || this.deliveries.length === 0)
  }

  /** One record goes out even if it alone is too large. */
  fits({ bytes }: LogEntry): boolean {
    return this.deliveries.length === 0 || bytes <= this.roomBytes
  }

  add(delivery: Delivery): void {
    this.deliveries.push(delivery)
    this.#bytes += delivery.bytes
  }
}

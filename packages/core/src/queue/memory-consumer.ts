import type { Clock, Timer } from '../clock.ts'
import type {
  Backlog,
  Consumer,
  Delivery,
  PullAheadOptions,
  PullOptions,
  Release,
  SavedAttempts,
  Watermark,
} from '../consumer/consumer.ts'
import type { MemoryEntry, MemoryReader, Slot } from './memory-reader.ts'

/** What a consumer needs of its queue. */
export interface MemorySource {
  /** Admits what has become due. Answers when the next record will be; Infinity for never. */
  admitDue(): number
  /** One reader less is owed the entry. */
  acked(entry: MemoryEntry): void
  lastPosition(): number
}

/** Longest wait before looking at the clock again: the wall clock may have been set meanwhile. */
const longestNapMs = 60_000

/**
 * Hands out one reader's records. Open, then closed for good: by `close`, or by `abandon`, which
 * leaves behind what the death of its process would have left.
 */
export class MemoryConsumer implements Consumer {
  readonly #reader: MemoryReader
  readonly #clock: Clock
  readonly #source: MemorySource
  #closed = false
  /** Ends the wait of the pull under way, if it waits. */
  wake: () => void = nothing

  constructor(reader: MemoryReader, clock: Clock, source: MemorySource) {
    this.#reader = reader
    this.#clock = clock
    this.#source = source
  }

  async pull(options: PullOptions): Promise<readonly Delivery[]> {
    for (;;) {
      if (this.#closed) return []
      const nextDueAt = this.#source.admitDue()
      const { deliveries, nextReadyAt } = this.#take(options)
      if (deliveries.length > 0 || options.signal.aborted) return deliveries
      const untilDueMs = nextDueAt - this.#clock.now()
      const untilReadyMs = nextReadyAt - this.#clock.monotonic()
      await this.#wait(Math.min(untilDueMs, untilReadyMs), options.signal)
    }
  }

  async pullAhead({ wanted }: PullAheadOptions): Promise<readonly Delivery[]> {
    if (this.#closed) return []
    this.#source.admitDue()
    const deliveries: Delivery[] = []
    for (const slot of this.#reader.pending.values()) {
      if (slot.leased || !wanted(slot.entry.record)) continue
      slot.leased = true
      deliveries.push(deliveryOf(slot))
    }
    return deliveries
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const slot = this.#slotOf(delivery)
      if (!slot) continue
      this.#reader.ack(slot.entry)
      this.#source.acked(slot.entry)
    }
  }

  async release(releases: readonly Release[]): Promise<void> {
    for (const { delivery, attempts, delayMs } of releases) {
      const slot = this.#slotOf(delivery)
      if (!slot) continue
      slot.attempts = attempts
      slot.begun = false
      slot.readyAt = delayMs > 0 ? this.#clock.monotonic() + delayMs : 0
      slot.leased = false
    }
    this.wake()
  }

  async beginAttempts(deliveries: readonly Delivery[]): Promise<void> {
    for (const delivery of deliveries) {
      const slot = this.#slotOf(delivery)
      if (slot) slot.begun = true
    }
  }

  async saveAttempts(saved: readonly SavedAttempts[]): Promise<void> {
    for (const { delivery, attempts } of saved) {
      const slot = this.#slotOf(delivery)
      if (!slot) continue
      slot.attempts = attempts
      slot.begun = false
    }
  }

  async backlog(): Promise<Backlog> {
    this.#source.admitDue()
    const { pending, delayed } = this.#reader
    const [oldest] = pending.values()
    const oldestWrittenAt = oldest?.entry.record.writtenAt
    return { pending: pending.size, delayed: delayed.size, oldestWrittenAt }
  }

  async watermark({ includeDelayed }: { readonly includeDelayed: boolean }): Promise<Watermark> {
    this.#source.admitDue()
    const delayed = new Set(includeDelayed ? this.#reader.delayed : [])
    const delayedIds = new Set([...delayed].map(({ record }) => record.id))
    const mark = this.#reader.mark(this.#source.lastPosition(), delayed)
    return {
      covers: ({ position, record }) => position <= mark.end || delayedIds.has(record.id),
      remaining: () => mark.left,
    }
  }

  async close(): Promise<void> {
    this.#end()
  }

  /** Its process died: attempts that were under way are counted when their records come again. */
  abandon(): void {
    for (const slot of this.#reader.pending.values()) {
      if (!slot.begun) continue
      const { spent, interrupted } = slot.attempts
      slot.attempts = { ...slot.attempts, spent: spent + 1, interrupted: interrupted + 1 }
    }
    this.#end()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    this.#reader.consumer = undefined
    for (const slot of this.#reader.pending.values()) {
      slot.leased = false
      slot.begun = false
    }
    this.wake()
  }

  /** Leases what fits, in order; `nextReadyAt` is when the first delay of a release is over. */
  #take({ maxRecords, maxBytes }: PullOptions): { deliveries: Delivery[]; nextReadyAt: number } {
    const now = this.#clock.monotonic()
    const deliveries: Delivery[] = []
    let takenBytes = 0
    let nextReadyAt = Number.POSITIVE_INFINITY
    for (const slot of this.#reader.pending.values()) {
      if (slot.leased) continue
      if (slot.readyAt > now) {
        nextReadyAt = Math.min(nextReadyAt, slot.readyAt)
        continue
      }
      const { bytes } = slot.entry
      if (deliveries.length > 0 && takenBytes + bytes > maxBytes) break
      slot.leased = true
      takenBytes += bytes
      deliveries.push(deliveryOf(slot))
      if (deliveries.length === maxRecords) break
    }
    return { deliveries, nextReadyAt }
  }

  /** Undefined once acked, and once this consumer is closed: the slot is the next consumer's then. */
  #slotOf({ position }: Delivery): Slot | undefined {
    return this.#closed ? undefined : this.#reader.pending.get(Number(position))
  }

  /** One timer, only while a pull waits; a record that arrives, the signal and `close` end it too. */
  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const wake = (): void => {
        timer?.cancel()
        signal.removeEventListener('abort', wake)
        this.wake = nothing
        resolve()
      }
      if (delayMs < Number.POSITIVE_INFINITY) {
        timer = this.#clock.setTimer(Math.min(delayMs, longestNapMs), wake)
      }
      signal.addEventListener('abort', wake, { once: true })
      this.wake = wake
    })
  }
}

function deliveryOf({ entry, attempts }: Slot): Delivery {
  const { record, bytes, position } = entry
  return { record, position, bytes, attempts }
}

function nothing(): void {}

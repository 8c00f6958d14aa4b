import { type AttemptState, noAttempts } from '../consumer/consumer.ts'
import type { StoredRecord } from '../record.ts'
import type { MemoryConsumer } from './memory-consumer.ts'

/** A record as the memory queue keeps it: once, however many targets it is for. */
export interface MemoryEntry {
  readonly record: StoredRecord
  readonly bytes: number
  readonly dueAt: number
  /** Counts the records in the order they were sent. */
  readonly arrival: number
  /** Its place in the order, which it has from when it is due; 0 until then. */
  position: number
  /** How many readers have not acked it; counted from when it is due. */
  owed: number
  /** Held back by a recall, or taken back for good: not admitted when due. */
  recalled: 'held' | 'takenBack' | undefined
}

/** An entry that is due, as one reader sees it. */
export interface Slot {
  readonly entry: MemoryEntry
  leased: boolean
  /** Not handed out before, in monotonic ms: it was released with a delay. */
  readyAt: number
  attempts: AttemptState
  /** An attempt was begun, and nobody has said how it ended. */
  begun: boolean
}

/** The end of the queue at one instant. */
export interface Mark {
  /** The last position of that instant. */
  readonly end: number
  /** Records that had no position yet, and are covered as well. */
  readonly delayed: ReadonlySet<MemoryEntry>
  /** How many of the records it covers are not acked. */
  left: number
}

/** One target's progress. It outlives the consumers that are opened for it. */
export class MemoryReader {
  readonly delayed = new Set<MemoryEntry>()
  /** Due and not acked, leased or not. Invariant: in the order of the positions, which are the keys. */
  readonly pending = new Map<number, Slot>()
  /** Those that cover a record not acked yet. */
  readonly #marks = new Set<Mark>()
  /** The consumer opened last, until it is closed. */
  consumer: MemoryConsumer | undefined

  delay(entry: MemoryEntry): void {
    this.delayed.add(entry)
    this.consumer?.wake()
  }

  admit(entry: MemoryEntry): void {
    this.delayed.delete(entry)
    this.pending.set(entry.position, {
      entry,
      leased: false,
      readyAt: 0,
      attempts: noAttempts,
      begun: false,
    })
    this.consumer?.wake()
  }

  ack(entry: MemoryEntry): void {
    this.pending.delete(entry.position)
    this.#countDown((mark) => entry.position <= mark.end || mark.delayed.has(entry))
  }

  /** The record was taken back before it was due. */
  takeBack(entry: MemoryEntry): void {
    this.delayed.delete(entry)
    this.#countDown((mark) => mark.delayed.has(entry))
  }

  /** Marks what is pending now, up to the position that was given last. */
  mark(end: number, delayed: ReadonlySet<MemoryEntry>): Mark {
    const mark = { end, delayed, left: this.pending.size + delayed.size }
    if (mark.left > 0) this.#marks.add(mark)
    return mark
  }

  #countDown(isCovered: (mark: Mark) => boolean): void {
    for (const mark of this.#marks) {
      if (!isCovered(mark)) continue
      mark.left--
      if (mark.left === 0) this.#marks.delete(mark)
    }
  }
}

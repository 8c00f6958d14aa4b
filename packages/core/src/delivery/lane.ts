import type { Alarm } from './alarms.ts'
import type { Blockers } from './blockers.ts'
import type { Entry } from './entry.ts'

/**
 * The records of one key, in their order; or a single record that has no key, or needs no order.
 *
 * What it may do follows from its fields, and `Lanes` looks at them after every change:
 *
 * - busy: records of it are out. Nothing else of it goes until all have come back or ended.
 * - blocked: a record of its key is a dead letter and must be dealt with first.
 * - waiting: its head waits out a backoff; `alarm` is set.
 * - reserved: its head is the place of a marker, which goes once it stands first in all of its lanes.
 * - ready: its head may go; it stands in the line of ready lanes.
 * - empty: it is forgotten.
 */
export class Lane {
  readonly key: string | undefined
  head: Entry | undefined
  #tail: Entry | undefined
  /** Records from the head to the tail. */
  size = 0
  /** Records that are out. */
  busy = 0
  /** How many of its records are the places of markers. */
  places = 0
  /** How many of its records the line of ready lanes counts; 0 while it does not stand there. */
  counted = 0
  /** Its neighbours in that line. */
  ahead: Lane | undefined
  behind: Lane | undefined
  /** True while its first record stands in the line, and its target has put that off before. */
  putOff = false
  /** Monotonic ms of when it began to be ready. */
  readySince = 0
  alarm: Alarm | undefined
  /**
   * Since when its target has put its records off, and which part of it did: by the monotonic clock, without the
   * time in which the target was away as a whole.
   */
  putOffSince: { readonly at: number; readonly part: string | undefined } | undefined

  constructor(key: string | undefined) {
    this.key = key
  }

  /** How often its first record has failed. */
  get failures(): number {
    return this.head === undefined ? 0 : this.head.spent + this.head.failures.count
  }

  /** Puts a record at its place. */
  insert(entry: Entry): void {
    this.size++
    if (this.#tail === undefined || this.head === undefined) {
      this.head = entry
      this.#tail = entry
    } else if (this.#tail.isBefore(entry)) {
      this.#tail.next = entry
      this.#tail = entry
    } else if (entry.isBefore(this.head)) {
      entry.next = this.head
      this.head = entry
    } else {
      let before = this.head
      while (before.next?.isBefore(entry)) before = before.next
      entry.next = before.next
      before.next = entry
    }
  }

  /** Copies that came before it was heard of their letters go first from now on. */
  advanceCopies(blockers: Blockers): void {
    const copies: Entry[] = []
    for (let entry = this.head; entry !== undefined; entry = entry.next) {
      const isKnown = entry.owner !== undefined || entry.redriven
      if (!isKnown && blockers.isRedriven(entry.delivery.record)) copies.push(entry)
    }
    for (const entry of copies) {
      this.remove(entry)
      entry.redriven = true
      this.insert(entry)
    }
  }

  /** Takes the first record out. */
  shift(): Entry | undefined {
    const entry = this.head
    if (entry === undefined) return undefined
    this.head = entry.next
    if (this.head === undefined) this.#tail = undefined
    entry.next = undefined
    this.size--
    return entry
  }

  /** Takes a record out, wherever it stands. False if it is not here. */
  remove(entry: Entry): boolean {
    let before: Entry | undefined
    for (let each = this.head; each !== entry; each = each.next) {
      if (each === undefined) return false
      before = each
    }
    if (before === undefined) this.head = entry.next
    else before.next = entry.next
    if (this.#tail === entry) this.#tail = before
    entry.next = undefined
    this.size--
    return true
  }
}

/** Something of its lane has been taken, and it may not go with that. */
export function staysBehind(lane: Lane, head: Entry, now: number, onlyRedriven: boolean): boolean {
  if (head.owner !== undefined) return true
  return lane.busy > 0 && (head.waitUntil > now || (onlyRedriven && !head.redriven))
}

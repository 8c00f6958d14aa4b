import type { AttemptState, Delivery } from '@daybook/core'
import type { ReadMessage } from './sqs-read-message.ts'

/** A message that this process has received and not given back. */
export interface Held extends Omit<ReadMessage, 'attempts'> {
  readonly lease: Lease
  /** Counts arrivals: along a key they come in its order. */
  readonly position: number
  attempts: AttemptState
  /** When it was received, by the monotonic clock. */
  readonly receivedAt: number
  /** `buffered`: not handed out; `leased`: core has it; `ending`: it is being deleted. */
  state: 'buffered' | 'leased' | 'ending'
  /** Not handed out before, by the monotonic clock: the delay of a release. */
  readyAt: number
  /** When its visibility runs out, by the monotonic clock. */
  expiresAt: number
}

type Received = Pick<Held, 'receivedAt' | 'expiresAt'>

/** One for each message, or, on a FIFO queue, for all that are held of a group. */
export interface Lease {
  readonly controller: AbortController
  readonly members: Set<Held>
}

/** What there is to hand out, and when more will be. */
export interface Taken {
  readonly deliveries: Delivery[]
  /** When the next one that waits is ready, in ms from now; Infinity for never. */
  readonly nextMs: number
}

/** Most messages whose attempts are remembered after their lease was lost. */
const mostRemembered = 10_000

/** The messages held by a consumer: what is handed out next, and whose lease falls with whose. */
export class HeldMessages {
  readonly #all = new Set<Held>()
  readonly #byMessage = new Map<string, Held>()
  readonly #leases = new Map<string, Lease>()
  /** Attempts of messages whose lease was lost: here they may come again. */
  readonly #remembered = new Map<string, AttemptState>()
  #buffer: Held[] = []
  #position = 0

  /** How many of those that are not handed out could be, and how many wait: for a delay, or behind one of their group that does. */
  buffered(now: number, monotonic: number): { readonly ready: number; readonly waiting: number } {
    const waitingGroups = new Set<string>()
    let waiting = 0
    for (const { group, readyAt, heldUntil } of this.#buffer) {
      const isWithheld = group !== undefined && waitingGroups.has(group)
      if (!isWithheld && readyAt <= monotonic && heldUntil <= now) continue
      waiting++
      if (group !== undefined) waitingGroups.add(group)
    }
    return { ready: this.#buffer.length - waiting, waiting }
  }

  get size(): number {
    return this.#all.size
  }

  all(): readonly Held[] {
    return [...this.#all]
  }

  has(held: Held): boolean {
    return this.#all.has(held)
  }

  /** Takes in a message. One that was held before has come again: its lease is lost. */
  add(message: ReadMessage, { expiresAt, receivedAt }: Received): Held {
    const before = this.#byMessage.get(message.messageId)
    if (before !== undefined) this.lose(before.lease)
    const lease = this.#leaseOf(message.group)
    const attempts = this.#remembered.get(message.messageId) ?? message.attempts
    this.#remembered.delete(message.messageId)
    const held: Held = {
      ...message,
      lease,
      position: ++this.#position,
      attempts,
      receivedAt,
      state: 'buffered',
      readyAt: 0,
      expiresAt,
    }
    lease.members.add(held)
    this.#all.add(held)
    this.#byMessage.set(held.messageId, held)
    this.#buffer.push(held)
    return held
  }

  /** Hands out what is ready and fits, in order. */
  take(maxRecords: number, maxBytes: number, now: number, monotonic: number): Taken {
    const deliveries: Delivery[] = []
    const kept: Held[] = []
    const waitingGroups = new Set<string>()
    let bytes = 0
    let nextMs = Number.POSITIVE_INFINITY
    let isFull = false
    for (const held of this.#buffer) {
      const { group, heldUntil } = held
      const waitMs = Math.max(held.readyAt - monotonic, heldUntil - now)
      isFull ||= deliveries.length >= maxRecords
      isFull ||= deliveries.length > 0 && bytes + held.bytes > maxBytes
      const isWithheld = group !== undefined && waitingGroups.has(group)
      if (!isFull && !isWithheld && waitMs <= 0) {
        held.state = 'leased'
        bytes += held.bytes
        deliveries.push(deliveryOf(held))
        continue
      }
      kept.push(held)
      if (group !== undefined) waitingGroups.add(group)
      if (!isWithheld) nextMs = Math.min(nextMs, Math.max(0, waitMs))
    }
    this.#buffer = kept
    return { deliveries, nextMs }
  }

  /** A delivery that core gave up: it is handed out again before the later ones of its group. */
  putBack(held: Held, readyAt: number): void {
    held.state = 'buffered'
    held.readyAt = readyAt
    const at = this.#buffer.findIndex(({ position }) => position > held.position)
    this.#buffer.splice(at === -1 ? this.#buffer.length : at, 0, held)
  }

  /** It is being ended, and is not handed out any more. */
  end(held: Held): void {
    if (held.state === 'buffered') this.#buffer = this.#buffer.filter((other) => other !== held)
    held.state = 'ending'
  }

  /** The message is gone, or somebody else's. */
  remove(held: Held): void {
    const { group, lease, messageId } = held
    this.#all.delete(held)
    if (this.#byMessage.get(messageId) === held) this.#byMessage.delete(messageId)
    lease.members.delete(held)
    if (group !== undefined && lease.members.size === 0) this.#dropLease(group, lease)
    if (held.state === 'buffered') this.#buffer = this.#buffer.filter((other) => other !== held)
  }

  /** The visibility of one has run out: all of its group are void. */
  lose(lease: Lease): void {
    for (const held of [...lease.members]) {
      this.#remember(held)
      this.remove(held)
    }
    lease.controller.abort()
  }

  #remember({ messageId, attempts }: Held): void {
    if (attempts.spent === 0) return
    this.#remembered.set(messageId, attempts)
    const [oldest] = this.#remembered.keys()
    if (this.#remembered.size > mostRemembered && oldest !== undefined) {
      this.#remembered.delete(oldest)
    }
  }

  #leaseOf(group: string | undefined): Lease {
    const known = group === undefined ? undefined : this.#leases.get(group)
    if (known !== undefined) return known
    const lease = { controller: new AbortController(), members: new Set<Held>() }
    if (group !== undefined) this.#leases.set(group, lease)
    return lease
  }

  #dropLease(group: string, lease: Lease): void {
    if (this.#leases.get(group) === lease) this.#leases.delete(group)
  }
}

function deliveryOf(held: Held): Delivery {
  const { record, position, bytes, attempts, handOuts, unreadable, lease } = held
  const { signal } = lease.controller
  return { record, position, bytes, attempts, handOuts, handle: held, unreadable, lease: signal }
}

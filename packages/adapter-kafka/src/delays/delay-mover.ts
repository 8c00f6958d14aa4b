import type { Clock, SendOutcome, Timer } from '@daybook/core'
import TinyQueue from 'tinyqueue'
import { Membership } from '../consumer/membership.ts'
import type { Partition } from '../consumer/partition.ts'
import type { KafkaEntry, KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import { bytesOf } from '../kafka-message.ts'
import { dueAtOf } from '../kafka-record.ts'
import { delaysGroupOf, delaysTopicOf, type QueueParts } from '../queue-parts.ts'
import { hopAtOf, keyFor, type Tiers, withoutHop } from './tiers.ts'

/** What a mover needs of its queue. */
export interface MoverOptions {
  readonly parts: QueueParts
  readonly tiers: Tiers
  put(place: KafkaPlace, message: KafkaMessage): Promise<SendOutcome>
  delay(message: KafkaMessage, dueAt: number): Promise<SendOutcome>
}

interface Held {
  readonly partition: Partition
  readonly entry: KafkaEntry
  readonly hopAt: number
}

/** A tier is read no further while so much of it is held in memory; its records are then late. */
const mostRecords = 100_000
const mostBytes = 64 * 2 ** 20

/** Waits so long after a send that failed, in ms. */
const tryAgainMs = 500

const longestNapMs = 60_000

/** What has gone is deleted from the delays topic at most so often, in ms. */
const deleteEveryMs = 60_000

/**
 * Sends delayed records on when it is time: down a tier, or to the topic once due. One member of a
 * group, so that of all processes one has each tier. Sends first and commits then: after a crash a
 * record may be sent twice, and is never lost.
 */
export class DelayMover {
  readonly #options: MoverOptions
  readonly #clock: Clock
  readonly #topic: string
  readonly #membership: Membership
  /** Read, and not sent on: the next one first. Those of a partition that was lost go when it is their turn. */
  readonly #held = new TinyQueue<Held>(
    [],
    (a, b) => a.hopAt - b.hopAt || a.entry.offset - b.entry.offset,
  )
  #timer: Timer | undefined
  #moving: Promise<void> | undefined
  #closed = false
  #deletedAt: number

  constructor(options: MoverOptions) {
    this.#options = options
    const { parts } = options
    this.#clock = parts.context.clock
    this.#topic = delaysTopicOf(parts.options.topic)
    this.#deletedAt = this.#clock.monotonic()
    this.#membership = new Membership(
      parts,
      delaysGroupOf(parts.options.group),
      {
        entry: (partition, entry) => this.#hold(partition, entry),
        changed: () => this.#wake(),
      },
      {
        topics: [this.#topic],
        bufferRecords: mostRecords,
        bufferBytes: mostBytes,
        // What is due soon goes out of order, so runs are many: to wait would make all others late.
        waitsForRuns: false,
      },
    )
  }

  open(): Promise<void> {
    return this.#membership.join()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.cancel()
    await this.#moving
    await this.#membership.leave()
  }

  #hold(partition: Partition, entry: KafkaEntry): void {
    this.#held.push({ partition, entry, hopAt: hopAtOf(entry) })
    partition.hold(bytesOf(entry))
  }

  /** Looks when the next is to go, and sees to it that it does. */
  #wake(): void {
    if (this.#closed || this.#moving !== undefined) return
    this.#timer?.cancel()
    const next = this.#held.peek()
    if (next === undefined) return
    const waitMs = Math.min(longestNapMs, next.hopAt - this.#clock.now())
    this.#timer = this.#clock.setTimer(Math.max(0, waitMs), () => this.#move(), { unref: true })
  }

  #move(): void {
    if (this.#closed || this.#moving !== undefined) return
    this.#moving = this.#moveDue().finally(() => {
      this.#moving = undefined
      this.#wake()
    })
  }

  async #moveDue(): Promise<void> {
    const now = this.#clock.now()
    const due: Held[] = []
    for (let next = this.#held.peek(); next && next.hopAt <= now; next = this.#held.peek()) {
      this.#held.pop()
      if (!next.partition.isLost) due.push(next)
    }
    const outcomes = await Promise.all(due.map(({ entry }) => this.#sendOn(entry, now)))
    const isGone = (_: Held, at: number): boolean => outcomes[at]?.durable === 'yes'
    const gone = due.filter(isGone)
    for (const { partition, entry } of gone) partition.unhold(entry.offset, bytesOf(entry))
    if (gone.length > 0) this.#options.parts.context.delayHopped?.(gone.length)
    for (const [at, held] of due.entries()) if (!isGone(held, at)) this.#held.push(held)
    this.#membership.somethingDone(new Set(gone.map(({ partition }) => partition)))
    this.#deleteGone()
    const failure = outcomes.find(({ error }) => error)?.error
    if (failure === undefined) return
    this.#options.parts.context.reportError(failure)
    await this.#options.parts.pause(tryAgainMs)
  }

  #sendOn(entry: KafkaEntry, now: number): Promise<SendOutcome> {
    const { parts, put, delay } = this.#options
    const message = withoutHop(entry)
    const dueAt = dueAtOf(message)
    if (dueAt > now) return delay(message, dueAt)
    return put(parts.places.of(keyFor(message)), message)
  }

  /** The topic is kept for ever, so what nobody needs any more is taken out of it. */
  #deleteGone(): void {
    const now = this.#clock.monotonic()
    if (now - this.#deletedAt < deleteEveryMs) return
    this.#deletedAt = now
    // No further than was committed: a successor begins there.
    const places = this.#membership.partitions
      .filter(({ saved }) => saved > 0)
      .map(({ place, saved }) => ({ ...place, offset: saved }))
    const { admin, context } = this.#options.parts
    if (places.length === 0) return
    admin.deleteBefore(places).catch((error: unknown) => {
      context.reportError(kafkaError(`Deleting what was sent on from ${this.#topic}`, error))
    })
  }
}

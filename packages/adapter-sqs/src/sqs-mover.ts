import type { Clock, Timer, WalError } from '@daybook/core'
import { lots, mostEntries, type SqsCalls } from './sqs-calls.ts'
import { sendTouched } from './sqs-claims.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import type { Comebacks } from './sqs-comebacks.ts'
import { SqsDeletions } from './sqs-deletions.ts'
import { sqsError } from './sqs-errors.ts'
import { Hiding } from './sqs-hiding.ts'
import { MessageCalls } from './sqs-message-calls.ts'
import type { SqsSettings } from './sqs-options.ts'
import { SqsPoller } from './sqs-poller.ts'
import { fifoFields } from './sqs-producer.ts'
import { type ReadMessage, readMessages } from './sqs-read-message.ts'
import type { Outgoing, SqsSender } from './sqs-sender.ts'

export interface SqsMoverOptions {
  readonly settings: SqsSettings & { readonly delayQueueUrl: string }
  readonly clock: Clock
  readonly calls: SqsCalls
  /** Into the FIFO queue. */
  readonly sender: SqsSender
  /** Into the companion itself, for hops. */
  readonly delaySender: SqsSender
  readonly comebacks: Comebacks
  /** A delayed record was sent on, or moved because it is due. */
  hopped(): void
  report(error: WalError): void
}

/** Wait after a failure of the companion queue, in ms. */
const pauseMs = 1_000
/** Most messages that wait here, for their last seconds or for others that are due. */
const mostWaiting = 200
/** While receives are full, what is due waits so long, in ms, for what the next one brings, which may have been due before. */
const gatherMs = 200
/** And no longer than this in all, in ms. */
const longestGatherMs = 1_000

/** Due, and not moved yet. */
interface Due {
  readonly message: ReadMessage
  /** When its visibility runs out, by the monotonic clock. */
  readonly expiresAt: number
}

/**
 * Moves the delayed records of a FIFO queue out of its companion: those that are due into the FIFO
 * queue, the others on by a hop. Each is sent before it is deleted.
 */
export class SqsMover {
  readonly #options: SqsMoverOptions
  readonly #messages: MessageCalls
  readonly #deletions: SqsDeletions
  readonly #poller: SqsPoller
  /** Those that wait for their last seconds. */
  readonly #waiting = new Map<ReadMessage, Timer>()
  /** What is due, until it is moved: at once, unless there is more to come. */
  #due: Due[] = []
  #gathering: { readonly timer: Timer; readonly until: number } | undefined
  readonly #underWay = new Set<Promise<void>>()
  /** By group, the last of those on their way into it. */
  readonly #lastMoves = new Map<string, Promise<unknown>>()
  /** By group, until when nothing is sent into it, by the monotonic clock: what failed comes again then. */
  readonly #heldUpUntil = new Map<string, number>()
  #pause: Timer | undefined
  #isClosed = false

  constructor(options: SqsMoverOptions) {
    const { settings, calls, clock, report } = options
    this.#options = options
    const place = { client: settings.client, queueUrl: settings.delayQueueUrl, calls }
    this.#messages = new MessageCalls(place)
    this.#deletions = new SqsDeletions(this.#messages)
    this.#poller = new SqsPoller({
      ...{ ...settings, ...place, clock },
      wants: () => this.#pause === undefined && this.#waiting.size + this.#due.length < mostWaiting,
      accept: (messages, expiresAt) => this.#follow(this.#accept(messages, expiresAt)),
      failed: (error) => {
        options.comebacks.awaitReceive()
        report(error as WalError)
        this.#rest()
      },
    })
    this.#poller.poke()
  }

  /** Resolves once nothing is under way. What waits here goes back. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#pause?.cancel()
    await this.#poller.close()
    this.#moveDue()
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    // Only now: what was being read until here may have come to wait.
    for (const timer of this.#waiting.values()) timer.cancel()
    const { clock, report } = this.#options
    const now = clock.now()
    const secondsLeft = ({ record: { dueAt = 0 } }: ReadMessage): number =>
      Math.max(0, Math.floor((dueAt - now) / 1_000))
    try {
      for (const lot of lots([...this.#waiting.keys()])) {
        await this.#messages.hide(
          lot.map((message) => ({ receipt: message.receipt, seconds: secondsLeft(message) })),
        )
      }
    } catch (cause) {
      report(sqsError('Delayed messages come when their visibility is over', cause).error)
    }
  }

  /** All of a receive together, for of two of a key the one due first goes first. */
  async #accept(messages: readonly ReceivedMessage[], visibleAt: number): Promise<void> {
    const { settings, clock, comebacks, report } = this.#options
    const { visibilityMs, store } = settings
    const calls = this.#messages
    const hiding = new Hiding({ messages, calls, clock, visibilityMs, expiresAt: visibleAt })
    const { read, failure } = await readMessages(messages, store)
    await hiding.end()
    const { expiresAt } = hiding
    if (failure !== undefined) {
      comebacks.await(expiresAt)
      report(failure as WalError)
    }
    for (const message of read) this.#place(message, expiresAt)
    const isMost = this.#isClosed || this.#due.length >= mostWaiting
    if (messages.length === mostEntries && !isMost) this.#gather()
    else if (this.#gathering === undefined || isMost) this.#moveDue()
  }

  /** There is a backlog: SQS hands it out ten at a time, and in any order. */
  #gather(): void {
    if (this.#due.length === 0) return
    const { clock } = this.#options
    const now = clock.monotonic()
    const { until = now + longestGatherMs } = this.#gathering ?? {}
    this.#gathering?.timer.cancel()
    const timer = clock.setTimer(Math.min(gatherMs, until - now), () => this.#moveDue())
    this.#gathering = { timer, until }
  }

  /** What was due first goes first. */
  #moveDue(): void {
    this.#gathering?.timer.cancel()
    this.#gathering = undefined
    const dueAt = ({ message }: Due): number => message.record.dueAt ?? 0
    const due = this.#due.toSorted((a, b) => dueAt(a) - dueAt(b))
    this.#due = []
    for (const { message, expiresAt } of due) this.#follow(this.#moveInTurn(message, expiresAt))
    if (due.length > 0 && !this.#isClosed) this.#poller.poke()
  }

  /** `expiresAt`: when its visibility runs out, by the monotonic clock. */
  #place(message: ReadMessage, expiresAt: number): void {
    const { settings, clock } = this.#options
    const waitMs = (message.record.dueAt ?? 0) - clock.now()
    // What cannot be read goes on to the consumer, which says so.
    if (waitMs <= 0) this.#due.push({ message, expiresAt })
    else if (waitMs > settings.visibilityMs / 3) this.#follow(this.#hop(message, waitMs))
    else this.#waitFor(message, waitMs, expiresAt)
  }

  #waitFor(message: ReadMessage, waitMs: number, expiresAt: number): void {
    const { clock } = this.#options
    const timer = clock.setTimer(waitMs, () => {
      this.#waiting.delete(message)
      this.#place(message, expiresAt)
      if (this.#gathering === undefined) this.#moveDue()
      if (!this.#isClosed) this.#poller.poke()
    })
    this.#waiting.set(message, timer)
  }

  /** One after the other in a group: behind one that was not sent, none goes before that one comes again. */
  async #moveInTurn(message: ReadMessage, expiresAt: number): Promise<void> {
    const fields = fifoFields(message.record, 'due')
    const { group } = fields
    const { sender, clock, settings } = this.#options
    const before = this.#lastMoves.get(group) ?? Promise.resolve()
    const moving = before.then(async () => {
      const now = clock.monotonic()
      // It may soon be somebody else's.
      const isLate = now > expiresAt - settings.visibilityMs / 4
      if (isLate || now < (this.#heldUpUntil.get(group) ?? 0)) return false
      const isSent = await this.#isSent(sender, { body: message.body, ...fields })
      if (!isSent) this.#holdUp(group, expiresAt, now)
      return isSent
    })
    this.#lastMoves.set(group, moving)
    const isSent = await moving
    if (this.#lastMoves.get(group) === moving) this.#lastMoves.delete(group)
    if (isSent) await this.#delete(message)
    else this.#options.comebacks.await(expiresAt)
  }

  #holdUp(group: string, until: number, now: number): void {
    for (const [other, time] of this.#heldUpUntil) {
      if (time <= now) this.#heldUpUntil.delete(other)
    }
    this.#heldUpUntil.set(group, until)
  }

  async #hop(message: ReadMessage, waitMs: number): Promise<void> {
    const { delaySender } = this.#options
    const delaySeconds = delaySender.hopSeconds(waitMs)
    const isSent = await this.#isSent(delaySender, { body: message.body, delaySeconds })
    if (isSent) await this.#delete(message)
  }

  /** What was not sent for certain comes again when its visibility is over. */
  async #isSent(sender: SqsSender, message: Outgoing): Promise<boolean> {
    const { settings, report } = this.#options
    const { durable, error } = await sendTouched(settings.store, sender, message)
    if (durable !== 'yes' && error !== undefined) report(error)
    return durable === 'yes'
  }

  async #delete({ receipt }: ReadMessage): Promise<void> {
    this.#options.hopped()
    await this.#deletions.delete(receipt)
  }

  #follow(work: Promise<void>): void {
    const followed = work
      .catch((cause: unknown) => {
        this.#options.report(sqsError('A delayed message may come twice', cause).error)
      })
      .finally(() => this.#underWay.delete(followed))
    this.#underWay.add(followed)
  }

  #rest(): void {
    if (this.#isClosed) return
    this.#pause = this.#options.clock.setTimer(pauseMs, () => {
      this.#pause = undefined
      this.#poller.poke()
    })
  }
}

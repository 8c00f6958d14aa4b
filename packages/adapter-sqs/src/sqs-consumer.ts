import type {
  Backlog,
  Clock,
  Consumer,
  Delivery,
  PullOptions,
  Release,
  SavedAttempts,
  Timer,
  WalError,
  Watermark,
} from '@daybook/core'
import { lots, type SqsCalls } from './sqs-calls.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import { isStale, sqsError } from './sqs-errors.ts'
import { type Held, HeldMessages } from './sqs-held.ts'
import { SqsLeases } from './sqs-leases.ts'
import type { SqsSettings } from './sqs-options.ts'
import { SqsPoller } from './sqs-poller.ts'
import { hopSeconds, type SentCounter } from './sqs-producer.ts'
import { readMessages } from './sqs-read-message.ts'
import type { SqsSender } from './sqs-sender.ts'

export interface SqsConsumerOptions {
  readonly settings: SqsSettings
  readonly clock: Clock
  readonly calls: SqsCalls
  /** Into the same queue: for the hops of long delays. */
  readonly sender: SqsSender
  readonly counter: SentCounter
  /** Backlog of the queue and its companion. */
  backlog(): Promise<Backlog>
  report(error: WalError): void
  /** Ends what belongs to it. */
  onClose(): Promise<void>
}

/** From the end of a visibility to the message's being handed out, in ms. */
const settlingMs = 2_000

/** Longest visibility, in ms. Fixed by the service. */
const longestVisibilityMs = 43_200_000

/** Hands out the messages of one queue. */
export class SqsConsumer implements Consumer {
  readonly #options: SqsConsumerOptions
  readonly #held = new HeldMessages()
  readonly #leases: SqsLeases
  readonly #poller: SqsPoller
  /** Acks, hops and readings under way. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** What a pull that waits wants; undefined while none does. */
  #wanted: number | undefined
  /** Messages received and not read yet. */
  #reading = 0
  #failure: Error | undefined
  #wake: () => void = () => {}
  #closing: Promise<void> | undefined

  constructor(options: SqsConsumerOptions) {
    const { settings, clock, calls, report } = options
    const { client, queueUrl, visibilityMs } = settings
    this.#options = options
    const held = this.#held
    this.#leases = new SqsLeases({ client, calls, queueUrl, visibilityMs, clock, held, report })
    this.#poller = new SqsPoller({
      ...{ ...settings, calls, clock },
      wants: () => this.#wanted !== undefined && held.buffered + this.#reading < this.#wanted,
      accept: (messages, expiresAt) => this.#accept(messages, expiresAt),
      failed: (error) => {
        this.#failure = error
        this.#wake()
      },
    })
  }

  async pull({ maxRecords, maxBytes, signal }: PullOptions): Promise<readonly Delivery[]> {
    const { clock } = this.#options
    try {
      for (;;) {
        if (this.#closing !== undefined) return []
        const now = clock.now()
        const { deliveries, nextMs } = this.#held.take(
          ...([maxRecords, maxBytes, now, clock.monotonic()] as const),
        )
        if (deliveries.length > 0 || signal.aborted) return deliveries
        if (this.#failure !== undefined) throw this.#takeFailure()
        this.#wanted = maxRecords
        this.#poller.poke()
        await this.#wait(nextMs, signal)
      }
    } finally {
      this.#wanted = undefined
    }
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    const held = this.#ours(deliveries)
    for (const message of held) message.state = 'ending'
    const done = Promise.all(lots(held).map((lot) => this.#delete(lot)))
    await this.#follow(done)
  }

  async release(releases: readonly Release[]): Promise<void> {
    const { settings, clock } = this.#options
    for (const { delivery, attempts, delayMs } of releases) {
      const [held] = this.#ours([delivery])
      if (held === undefined) continue
      held.attempts = attempts
      const isLong = !settings.isFifo && delayMs > settings.visibilityMs
      if (isLong) await this.#follow(this.#hide(held, delayMs))
      else this.#held.putBack(held, delayMs > 0 ? clock.monotonic() + delayMs : 0)
    }
    this.#wake()
  }

  /** They last as long as the message is held: there is nowhere to write them. */
  async saveAttempts(saved: readonly SavedAttempts[]): Promise<void> {
    for (const { delivery, attempts } of saved) {
      for (const held of this.#ours([delivery])) held.attempts = attempts
    }
  }

  backlog(): Promise<Backlog> {
    return this.#options.backlog()
  }

  /** Exact for what this process sent; of other processes' records the time of writing tells. */
  async watermark({ includeDelayed }: { readonly includeDelayed: boolean }): Promise<Watermark> {
    const { counter, clock } = this.#options
    const { producer, count } = counter
    const at = clock.now()
    return {
      covers: ({ record, handle }) => {
        const { sent } = handle as Held
        const isBefore = sent?.producer === producer ? sent.count <= count : record.writtenAt <= at
        return isBefore && (includeDelayed || (record.dueAt ?? 0) <= at)
      },
      remaining: () => undefined,
      silenceMs: () => this.#silenceMs(includeDelayed),
    }
  }

  /**
   * What a dead process held, or a reply that was lost, comes to light within a visibility. Where the
   * counts, which are estimates, know of nothing, there is no need to wait for that.
   */
  async #silenceMs(includeDelayed: boolean): Promise<number> {
    const { pending, delayed } = await this.#options.backlog()
    if (includeDelayed && delayed > 0) return Number.POSITIVE_INFINITY
    return pending === 0 ? 0 : this.#options.settings.visibilityMs + settlingMs
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#wake()
    await this.#options.onClose()
    await this.#poller.close()
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    this.#leases.close()
    const now = this.#options.clock.now()
    // The last first: while an earlier one of its group is in flight, none of it goes to anybody.
    const lastFirst = this.#held.all().toReversed()
    try {
      await this.#leases.giveBack(lastFirst, ({ record }) => secondsUntil(record.dueAt, now))
    } catch (cause) {
      this.#options.report(
        sqsError('Messages come only when their visibility is over', cause).error,
      )
    }
  }

  #takeFailure(): Error {
    const failure = this.#failure as Error
    this.#failure = undefined
    return failure
  }

  /** Not what was ended before, nor, once closed, what is the next consumer's. */
  #ours(deliveries: readonly Delivery[]): readonly Held[] {
    if (this.#closing !== undefined) return []
    const held = new Set(deliveries.map(({ handle }) => handle as Held))
    return [...held].filter((message) => this.#held.has(message) && message.state === 'leased')
  }

  #accept(messages: readonly ReceivedMessage[], expiresAt: number): void {
    if (messages.length === 0) return
    void this.#follow(this.#read(messages, expiresAt)).catch(() => {})
  }

  async #read(messages: readonly ReceivedMessage[], expiresAt: number): Promise<void> {
    const { settings, clock } = this.#options
    const { store } = settings
    this.#reading += messages.length
    const { read, failure } = await readMessages(messages, store)
    if (failure !== undefined) this.#failure = failure
    // Where reading took until their visibility was over they are somebody else's.
    const isOurs = clock.monotonic() < expiresAt
    if (isOurs) for (const message of read) this.#held.add({ ...message, expiresAt })
    this.#reading -= messages.length
    this.#leases.watch()
    await this.#hopAll()
    this.#wake()
  }

  /** Sends those anew that are due further ahead than it is worth to hold them. */
  async #hopAll(): Promise<void> {
    const { settings, clock } = this.#options
    if (settings.isFifo) return
    const latest = clock.now() + settings.visibilityMs / 2
    const far = this.#held
      .all()
      .filter(({ state, record }) => state === 'buffered' && (record.dueAt ?? 0) > latest)
    await Promise.all(far.map((held) => this.#hop(held)))
  }

  /** Sent before it is deleted: should that fail, it comes twice rather than not at all. */
  async #hop(held: Held): Promise<void> {
    const { sender, clock, report } = this.#options
    held.state = 'ending'
    const delaySeconds = hopSeconds((held.record.dueAt ?? 0) - clock.now())
    const { durable, error } = await sender.send({ body: held.body, delaySeconds })
    try {
      if (durable === 'yes') await this.#delete([held], false)
      else {
        if (error !== undefined) report(error)
        this.#held.remove(held)
        await this.#leases.giveBack([held], () => Math.min(delaySeconds, 60))
      }
    } catch (cause) {
      this.#held.remove(held)
      report(sqsError('A delayed message may come twice', cause).error)
    }
  }

  async #hide(held: Held, delayMs: number): Promise<void> {
    this.#held.remove(held)
    const seconds = Math.ceil(Math.min(delayMs, longestVisibilityMs / 2) / 1_000)
    await this.#leases.giveBack([held], () => seconds)
  }

  /** `isDone`: the record has come to its end, and what lies in the store is not needed any more. */
  async #delete(lot: readonly Held[], isDone = true): Promise<void> {
    const { settings, calls } = this.#options
    const { client, queueUrl: QueueUrl } = settings
    const Entries = lot.map(({ receipt }, at) => ({ Id: String(at), ReceiptHandle: receipt }))
    let failed: ReadonlyMap<string | undefined, string | undefined>
    try {
      const { Failed = [] } = await calls.run((options) =>
        client.deleteMessageBatch({ QueueUrl, Entries }, options),
      )
      failed = new Map(Failed.map(({ Id, Code }) => [Id, Code]))
    } catch (cause) {
      for (const held of lot) held.state = 'leased'
      throw sqsError('SQS did not delete messages', cause).error
    }
    let failure: string | undefined
    for (const [at, held] of lot.entries()) {
      const id = String(at)
      const code = failed.get(id)
      if (!failed.has(id)) this.#gone(held, isDone)
      else if (isStale(code)) this.#held.lose(held.lease)
      else {
        held.state = 'leased'
        failure = code ?? 'unknown'
      }
    }
    if (failure !== undefined)
      throw sqsError('SQS did not delete messages', { name: failure }).error
  }

  #gone(held: Held, isDone: boolean): void {
    this.#held.remove(held)
    const { store } = this.#options.settings
    if (!isDone || held.claim === undefined || store === undefined) return
    const cleared = store.delete(held.claim).catch((cause: unknown) => {
      this.#options.report(sqsError(`'${held.claim}' stays in the store`, cause).error)
    })
    void this.#follow(cleared)
  }

  /** `close` waits for it. */
  async #follow<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  #wait(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let timer: Timer | undefined
      const wake = (): void => {
        timer?.cancel()
        signal.removeEventListener('abort', wake)
        this.#wake = () => {}
        resolve()
      }
      this.#wake = wake
      if (delayMs < Number.POSITIVE_INFINITY) {
        // A timer may fire a little early by the wall clock.
        timer = this.#options.clock.setTimer(Math.min(delayMs, 60_000) + 1, wake)
      }
      signal.addEventListener('abort', wake, { once: true })
      if (this.#closing !== undefined || signal.aborted) wake()
    })
  }
}

function secondsUntil(dueAt: number | undefined, now: number): number {
  return Math.max(0, Math.floor(((dueAt ?? 0) - now) / 1_000))
}

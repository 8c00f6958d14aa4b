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
import { mostEntries, type SqsCalls } from './sqs-calls.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import { type Comebacks, settlingMs } from './sqs-comebacks.ts'
import { SqsEndings } from './sqs-endings.ts'
import { sqsError } from './sqs-errors.ts'
import { type Held, HeldMessages } from './sqs-held.ts'
import { Hiding, partedByStore } from './sqs-hiding.ts'
import { SqsLeases } from './sqs-leases.ts'
import { MessageCalls } from './sqs-message-calls.ts'
import type { SqsSettings } from './sqs-options.ts'
import { SqsPoller } from './sqs-poller.ts'
import type { SentCounter } from './sqs-producer.ts'
import { type ReadMessage, readMessages } from './sqs-read-message.ts'
import { SqsRetention } from './sqs-retention.ts'
import type { SqsSender } from './sqs-sender.ts'
import { SqsStrays } from './sqs-strays.ts'

export interface SqsConsumerOptions {
  readonly settings: SqsSettings
  readonly clock: Clock
  readonly calls: SqsCalls
  /** Into the same queue: for what is sent anew. */
  readonly sender: SqsSender
  /** How long the queue keeps a message, in ms. */
  readonly retentionMs: number
  readonly counter: SentCounter
  /** What failed on its way here, and here. */
  readonly comebacks: Comebacks
  /** Whose queue it is. */
  readonly target: string
  /** A record for that target alone was left in the queue. */
  passedOver(target: string): void
  /** Backlog of the queue and its companion. */
  backlog(): Promise<Backlog>
  /** A record has waited for half of the retention, or longer. */
  atRisk(waitedMs: number): void
  /** A delayed record was sent on. */
  hopped(): void
  report(error: WalError): void
  /** Ends what belongs to it. */
  onClose(): Promise<void>
}

/** Most messages that wait here for a delay, or behind one that does, while more are received. */
const mostWaiting = 1_000

/** Hands out the messages of one queue. */
export class SqsConsumer implements Consumer {
  /** As many acks at once as receives; each deletes ten messages in a call. */
  readonly acks: { readonly atOnce: number; readonly records: number }
  readonly #options: SqsConsumerOptions
  readonly #held = new HeldMessages()
  readonly #leases: SqsLeases
  readonly #endings: SqsEndings
  readonly #retention: SqsRetention
  readonly #strays: SqsStrays
  readonly #poller: SqsPoller
  readonly #messages: MessageCalls
  /** What a pull that waits wants; undefined while none does. */
  #wanted: number | undefined
  /** When the last pull ended, by the monotonic clock. */
  #pulledAt: number
  /** Messages received and not read yet. */
  #reading = 0
  /** Acks under way, and such as have ended only just: the next may follow at once. */
  #acking = 0
  /** Messages received since the last ack began. */
  #sinceAck = 0
  #failure: Error | undefined
  #wake: () => void = () => {}
  #wakesSoon = false
  #closing: Promise<void> | undefined

  constructor(options: SqsConsumerOptions) {
    const { settings, clock, calls, report } = options
    const { client, queueUrl, visibilityMs } = settings
    this.#options = options
    this.#messages = new MessageCalls({ client, calls, queueUrl })
    this.acks = { atOnce: settings.receivers, records: mostEntries }
    const held = this.#held
    this.#leases = new SqsLeases({ client, calls, queueUrl, visibilityMs, clock, held, report })
    const leases = this.#leases
    const deleted = (): void => this.#poller.poke()
    this.#endings = new SqsEndings({ ...options, held, leases, deleted })
    this.#pulledAt = clock.monotonic()
    this.#retention = new SqsRetention({
      ...{ ...options, held, endings: this.#endings },
      unpulledMs: () => (this.#wanted === undefined ? clock.monotonic() - this.#pulledAt : 0),
    })
    this.#strays = new SqsStrays(options)
    this.#poller = new SqsPoller({
      ...{ ...settings, calls, clock },
      wants: (underWay) => this.#wants() && !this.#outrunsDeletions(underWay),
      accept: (messages, expiresAt) => this.#accept(messages, expiresAt),
      failed: (error) => {
        this.#failure = error
        options.comebacks.awaitReceive()
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
      this.#pulledAt = clock.monotonic()
    }
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    this.#sinceAck = 0
    this.#acking++
    try {
      await this.#endings.done(this.#ours(deliveries))
    } finally {
      this.#options.clock.setTimer(0, () => {
        this.#acking--
        this.#poller.poke()
      })
    }
  }

  async release(releases: readonly Release[]): Promise<void> {
    const { settings, clock } = this.#options
    const sending: Promise<void>[] = []
    for (const { delivery, attempts, delayMs } of releases) {
      const [held] = this.#ours([delivery])
      if (held === undefined) continue
      held.attempts = attempts
      const isLong = !settings.isFifo && delayMs > settings.visibilityMs
      if (isLong) sending.push(this.#endings.sendAnew(held, Math.ceil(clock.now() + delayMs)))
      else this.#held.putBack(held, delayMs > 0 ? clock.monotonic() + delayMs : 0)
    }
    this.#wake()
    await Promise.all(sending)
  }

  /** A message cannot be altered: they last as long as it is held, and travel where it is sent anew. */
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
   * counts, which are estimates, know of nothing, there is no need to wait for that. What failed in this
   * process is waited for, however often.
   */
  async #silenceMs(includeDelayed: boolean): Promise<number> {
    if (this.#options.comebacks.areAwaited) return Number.POSITIVE_INFINITY
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
    this.#retention.close()
    await this.#poller.close()
    await this.#endings.idle()
    this.#leases.close()
    const { settings, clock } = this.#options
    const now = clock.now()
    const isTried = ({ attempts: { spent } }: Held): boolean => !settings.isFifo && spent > 0
    const tried = this.#held.all().filter(isTried)
    await Promise.all(tried.map((held) => this.#endings.sendAnew(held)))
    // The last first: while an earlier one of its group is in flight, none of it goes to anybody.
    const lastFirst = this.#held.all().toReversed()
    try {
      await this.#leases.giveBack(lastFirst, ({ heldUntil }) => secondsUntil(heldUntil, now))
    } catch (cause) {
      this.#options.report(
        sqsError('Messages come only when their visibility is over', cause).error,
      )
    }
  }

  /** What waits here for a delay is none of what is wanted, nor must it grow without bound. */
  #wants(): boolean {
    if (this.#wanted === undefined) return false
    const { clock } = this.#options
    const { ready, waiting } = this.#held.buffered(clock.now(), clock.monotonic())
    return ready + this.#reading < this.#wanted && waiting < mostWaiting
  }

  /**
   * On a FIFO queue, what was applied holds its group until it is deleted, and what is acked next waits for
   * that. So a deletion under way counts like the receives, and so does what came since it began. This is a
   * pace, not a bound: while nothing is acked nothing counts, and of a target that takes its time as much is
   * held as is pulled.
   */
  #outrunsDeletions(receives: number): boolean {
    const { isFifo, receivers } = this.#options.settings
    if (!isFifo || this.#acking === 0) return false
    const held = this.#endings.deleting + this.#sinceAck
    return held + (receives + 1) * mostEntries > receivers * mostEntries
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
    this.#sinceAck += messages.length
    for (const part of partedByStore(messages)) {
      void this.#endings.follow(this.#read(part, expiresAt)).catch(() => {})
    }
  }

  async #read(messages: readonly ReceivedMessage[], visibleAt: number): Promise<void> {
    const { settings, clock, comebacks } = this.#options
    const { store, visibilityMs } = settings
    this.#reading += messages.length
    const calls = this.#messages
    const hiding = new Hiding({ messages, calls, clock, visibilityMs, expiresAt: visibleAt })
    const { read, failure } = await readMessages(messages, store)
    await hiding.end()
    const { expiresAt } = hiding
    if (failure !== undefined) {
      this.#failure = failure
      comebacks.await(expiresAt)
    }
    const own = await this.#strays.without(await this.#withoutRepeats(read), messages)
    // Where reading took until their visibility was over they are somebody else's.
    const receivedAt = clock.monotonic()
    const isOurs = receivedAt < expiresAt
    const added = isOurs ? own.map((one) => this.#held.add(one, { expiresAt, receivedAt })) : []
    this.#reading -= messages.length
    if (added.length > 0) this.#leases.watch(expiresAt)
    this.#hopAll(added)
    this.#wakeSoon()
  }

  /** What cannot be deleted now comes again. */
  async #withoutRepeats(read: readonly ReadMessage[]): Promise<readonly ReadMessage[]> {
    const repeats = read.filter(({ isRepeat }) => isRepeat)
    if (repeats.length === 0) return read
    await this.#messages.delete(repeats.map(({ receipt }) => receipt)).catch(() => {})
    return read.filter(({ isRepeat }) => !isRepeat)
  }

  /** A pull costs about the same for ten records as for fifty: it takes all that comes in one turn of the event loop. */
  #wakeSoon(): void {
    if (this.#wakesSoon) return
    this.#wakesSoon = true
    setImmediate(() => {
      this.#wakesSoon = false
      this.#wake()
    })
  }

  /** Sends those anew that are due further ahead than it is worth to hold them. Nothing that came with them waits for it. */
  #hopAll(added: readonly Held[]): void {
    const { settings, clock } = this.#options
    if (settings.isFifo) return
    const latest = clock.now() + settings.visibilityMs / 2
    const far = added.filter((held) => held.heldUntil > latest && this.#held.has(held))
    for (const held of far) void this.#endings.sendAnew(held)
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

function secondsUntil(until: number, now: number): number {
  return Math.max(0, Math.floor((until - now) / 1_000))
}

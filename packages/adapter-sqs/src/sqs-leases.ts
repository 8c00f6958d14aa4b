import type { Clock, Timer, WalError } from '@daybook/core'
import { lots, type SqsCalls } from './sqs-calls.ts'
import type { SqsClient } from './sqs-client.ts'
import { isStale, sqsError } from './sqs-errors.ts'
import type { Held, HeldMessages } from './sqs-held.ts'
import { type FailedEntries, MessageCalls } from './sqs-message-calls.ts'

export interface SqsLeasesOptions {
  readonly client: SqsClient
  readonly calls: SqsCalls
  readonly queueUrl: string
  readonly visibilityMs: number
  readonly clock: Clock
  readonly held: HeldMessages
  report(error: WalError): void
}

/** A lease is renewed once this part of it is over. */
const renewAfter = 1 / 3
const notRenewed = 'SQS did not renew the visibility of messages'

/** Renews the visibility of what is held, and gives it back. */
export class SqsLeases {
  readonly #options: SqsLeasesOptions
  readonly #messages: MessageCalls
  #timer: Timer | undefined
  /** When the timer fires, by the monotonic clock. */
  #ticksAt = 0
  #isRenewing = false
  #isClosed = false

  constructor(options: SqsLeasesOptions) {
    this.#options = options
    this.#messages = new MessageCalls(options)
  }

  /** Something is held, `expiresAt` what has just come: it is renewed from now on. */
  watch(expiresAt = this.#earliestExpiry()): void {
    const { clock, held, visibilityMs } = this.#options
    if (this.#isClosed || held.size === 0) return
    // Not a moment late for one that runs out: from then on the message may be somebody else's.
    const usualAt = clock.monotonic() + (visibilityMs * renewAfter) / 2
    const at = Math.min(usualAt, expiresAt)
    if (this.#timer !== undefined && at >= this.#ticksAt) return
    this.#timer?.cancel()
    this.#ticksAt = at
    const tick = (): void => {
      this.#timer = undefined
      this.#loseExpired()
      void this.#renew().finally(() => this.watch())
      this.watch()
    }
    const delayMs = Math.max(0, at - clock.monotonic())
    this.#timer = clock.setTimer(delayMs, tick, { unref: true })
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** Makes these visible after so many seconds, one lot after the other in the order given. */
  async giveBack(messages: readonly Held[], seconds: (held: Held) => number): Promise<void> {
    for (const lot of lots(messages)) await this.#change(lot, seconds)
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return
    this.#isRenewing = true
    const { held, clock, visibilityMs } = this.#options
    const now = clock.monotonic()
    const old = held
      .all()
      .filter(({ expiresAt }) => expiresAt - now < visibilityMs * (1 - renewAfter))
    try {
      await Promise.all(lots(old).map((lot) => this.#renewLot(lot)))
    } finally {
      this.#isRenewing = false
    }
  }

  /** What was not renewed is asked for again twice, and lost once its time is over. */
  async #renewLot(lot: readonly Held[]): Promise<void> {
    const { clock, visibilityMs, report } = this.#options
    const expiresAt = clock.monotonic() + visibilityMs
    try {
      const failed = await this.#change(lot, () => visibilityMs / 1_000)
      for (const [at, held] of lot.entries()) if (!failed.has(at)) held.expiresAt = expiresAt
      for (const name of new Set(failed.values())) {
        if (!isStale(name)) report(sqsError(notRenewed, { name }).error)
      }
    } catch (cause) {
      report(sqsError(notRenewed, cause).error)
    }
  }

  /** Answers which entries failed. Those that are not ours any more have their leases lost. */
  async #change(lot: readonly Held[], seconds: (held: Held) => number): Promise<FailedEntries> {
    const { held } = this.#options
    const failed = await this.#messages.hide(
      lot.map((message) => ({ receipt: message.receipt, seconds: seconds(message) })),
    )
    const stale = lot.filter((_, at) => isStale(failed.get(at)))
    for (const message of stale) {
      // One that is being deleted may be gone already, and that is well.
      if (message.state !== 'ending' && held.has(message)) held.lose(message.lease)
    }
    return failed
  }

  #earliestExpiry(): number {
    const { held } = this.#options
    return held
      .all()
      .reduce((least, { expiresAt }) => Math.min(least, expiresAt), Number.POSITIVE_INFINITY)
  }

  #loseExpired(): void {
    const { held, clock } = this.#options
    const now = clock.monotonic()
    for (const message of held.all()) {
      if (message.expiresAt <= now && held.has(message)) held.lose(message.lease)
    }
  }
}

import type { Delivery, Watermark } from '../consumer/consumer.ts'
import type { Alarm, Alarms } from './alarms.ts'

/** How long, and what for, a drain waits. */
export interface DrainTargetOptions {
  /** Longest wait in ms; undefined for none. */
  readonly timeoutMs?: number | undefined
  /** Ends the wait; the report then says what is still pending. */
  readonly signal?: AbortSignal | undefined
  /** True: delayed records are waited for too. */
  readonly includeDelayed: boolean
}

/** What became of the records that were in the queue when the drain began. */
export interface DrainReport {
  readonly applied: number
  readonly superseded: number
  /** Now in the dead-letter queue. */
  readonly dead: number
  /** Dropped under `deadLetters: 'off'`. */
  readonly lost: number
  /** Waiting behind a dead letter of their key. */
  readonly blocked: number
  /**
   * None of these yet: the time was up, the signal aborted, or the delivery was stopped. 0 when
   * everything was settled. Where the queue cannot tell, only records in memory are counted.
   */
  readonly pending: number
}

/** How a record came to its end. `skipped`: it was meant for another target. */
export type Fate = 'applied' | 'superseded' | 'dead' | 'lost' | 'skipped'

/** What a drain asks of its delivery. */
export interface Survey {
  /** Records in memory, of those asked for, that wait behind a dead letter. */
  readonly blocked: number
  /** The other records in memory, of those asked for. */
  readonly others: number
  /** Nothing is under way, nor will be before something comes in from outside. */
  readonly isQuiet: boolean
  /** Letters of records that have ended are still on their way out. */
  readonly isTidying: boolean
  /** Nothing more is pulled, since what is held has reached its bound. */
  readonly isFull: boolean
}

export interface DrainOptions extends DrainTargetOptions {
  readonly alarms: Alarms
  survey(covers: (delivery: Delivery) => boolean): Survey
}

/**
 * A queue may be done with records without a word (those that are for others), so it is asked now
 * and then while somebody waits, in ms.
 */
const askAgainMs = 250

/**
 * Where the queue cannot tell how much is left: the end is when nothing came for so long, in ms,
 * or for longer where the queue says so.
 */
export const leastSilenceMs = 2000

/** Waits for what is in the queue at its beginning, and counts what becomes of it. */
export class Drain {
  readonly #options: DrainOptions
  readonly #counts = { applied: 0, superseded: 0, dead: 0, lost: 0, skipped: 0 }
  /** What came to its end before the watermark was known. */
  #early: { readonly delivery: Delivery; readonly fate: Fate }[] | undefined = []
  #watermark: Watermark | undefined
  #resolve: ((report: DrainReport) => void) | undefined
  readonly report: Promise<DrainReport>
  #alarm: Alarm | undefined
  #timeout: Alarm | undefined
  #asking = false
  /** Something changed while the queue was being asked: its answer may be old already. */
  #askAgain = false
  /** Records it is to see the end of, as the queue said first. */
  #expected = Number.POSITIVE_INFINITY
  #ended = 0
  /** False where the queue does not know how much is left. */
  #canTell = true
  /** Queries in a row that found nothing under way and nothing covered. */
  #silences = 0
  /** What had ended at the last of these. */
  #endedBefore = 0

  constructor(options: DrainOptions) {
    this.#options = options
    this.report = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  begin(watermark: Watermark): void {
    this.#watermark = watermark
    const early = this.#early ?? []
    this.#early = undefined
    for (const { delivery, fate } of early) this.count(delivery, fate)
    const { timeoutMs, signal, alarms } = this.#options
    if (timeoutMs !== undefined) this.#timeout = alarms.set(timeoutMs, this.giveUp)
    signal?.addEventListener('abort', this.giveUp, { once: true })
    if (signal?.aborted) this.giveUp()
    else this.#ask()
  }

  /** A record has come to its end. */
  count(delivery: Delivery, fate: Fate): void {
    if (this.#watermark === undefined) this.#early?.push({ delivery, fate })
    else if (this.#watermark.covers(delivery)) {
      this.#counts[fate]++
      this.#ended++
    }
  }

  /** Acks went through; `isQuiet` if nothing else is under way. */
  changed(isQuiet: boolean): void {
    if (this.#canTell && (isQuiet || this.#ended >= this.#expected)) this.#ask()
  }

  /** Looks whether it is over; then again after a while. */
  #ask(): void {
    this.#askAgain = this.#asking
    if (this.#asking || this.#watermark === undefined || this.#resolve === undefined) return
    this.#asking = true
    void this.#askQueue(this.#watermark)
  }

  /** Ends the wait, with what is known. */
  readonly giveUp = (): void => {
    const watermark = this.#watermark
    if (watermark === undefined) return
    void remainingOf(watermark).then((remaining) => {
      const { blocked, others } = this.#options.survey((delivery) => watermark.covers(delivery))
      const isKnown = remaining !== undefined && !Number.isNaN(remaining)
      this.#finish(blocked, isKnown ? Math.max(0, remaining - blocked) : others)
    })
  }

  async #askQueue(watermark: Watermark): Promise<void> {
    const remaining = await remainingOf(watermark)
    const silenceMs = remaining === undefined ? await this.#silenceOf(watermark) : 0
    this.#asking = false
    if (this.#resolve === undefined) return
    const survey = this.#options.survey((delivery) => watermark.covers(delivery))
    if (remaining === 0 && !survey.isTidying) return this.#finish(0, 0)
    if (remaining !== undefined && remaining >= 0) this.#expected = this.#ended + remaining
    if (remaining === undefined) {
      if (this.#listen(survey) >= silenceMs) return this.#finish(survey.blocked, 0)
    } else if (!Number.isNaN(remaining) && !survey.isTidying) {
      const { blocked, isQuiet, isFull } = survey
      if (blocked > 0 && (blocked >= remaining || (isQuiet && isFull))) {
        return this.#finish(blocked, Math.max(0, remaining - blocked))
      }
    }
    this.#alarm?.cancel()
    if (this.#askAgain) this.#ask()
    else this.#alarm = this.#options.alarms.set(askAgainMs, () => this.#ask())
  }

  /** For how long nothing came, in ms. */
  #listen({ isQuiet, others }: Survey): number {
    this.#canTell = false
    const isSilent = isQuiet && others === 0 && this.#ended === this.#endedBefore
    this.#silences = isSilent ? this.#silences + 1 : 0
    this.#endedBefore = this.#ended
    return this.#silences * askAgainMs
  }

  /** For how long nothing has to come, in ms; without end where the queue cannot be asked just now. */
  async #silenceOf(watermark: Watermark): Promise<number> {
    if ((this.#silences + 1) * askAgainMs < leastSilenceMs) return leastSilenceMs
    try {
      return Math.max(leastSilenceMs, (await watermark.silenceMs?.()) ?? 0)
    } catch {
      return Number.POSITIVE_INFINITY
    }
  }

  #finish(blocked: number, pending: number): void {
    this.#alarm?.cancel()
    this.#timeout?.cancel()
    this.#options.signal?.removeEventListener('abort', this.giveUp)
    const { applied, superseded, dead, lost } = this.#counts
    this.#resolve?.({ applied, superseded, dead, lost, blocked, pending })
    this.#resolve = undefined
  }
}

/** NaN where the queue cannot be asked just now. */
async function remainingOf(watermark: Watermark): Promise<number | undefined> {
  try {
    return await watermark.remaining()
  } catch {
    return Number.NaN
  }
}

import type { Clock } from '../clock.ts'
import type { Random } from '../random.ts'
import type { Target } from '../target/target.ts'
import type { Alarm, Alarms } from './alarms.ts'
import { Breaker, type BreakerReason, type BreakerState } from './breaker.ts'
import { classifyError, type Failure } from './classify-error.ts'
import type { DeliveryEvents } from './delivery-events.ts'
import type { DeliveryPolicy } from './policy.ts'
import { halfJitterMs } from './retry-policy.ts'

export interface GateOptions {
  readonly target: Target<unknown>
  readonly policy: DeliveryPolicy
  readonly alarms: Alarms
  readonly clock: Clock
  readonly random: Random
  readonly events: DeliveryEvents
  /** Aborted when the delivery gives up what is under way. */
  readonly stop: AbortSignal
  /** It may admit more than before. */
  onOpened(): void
}

/** A target that says 'again in 0 ms' shall not be asked in a circle. */
const leastPauseMs = 10

/** Whether records may go to the target now: any, one that probes it, or none. */
export type Admission = 'all' | 'probe' | 'none'

/**
 * Stands before the target, and holds records back while it is down (the breaker) or asks for less
 * (a pause). Neither says anything of the records, so neither costs them an attempt.
 */
export class Gate {
  readonly #options: GateOptions
  readonly #breaker: Breaker
  /** Undefined while the breaker is not open. */
  #openUntil: number | undefined
  /** A probe is under way: `health`, or a record. */
  #probing = false
  #pause: { readonly alarm: Alarm; readonly until: number } | undefined
  /** Pauses since a record was last applied. */
  #pauses = 0
  #successes = 0
  #appliedRecords = 0
  #awayMs = 0
  /** Since when the time counts as away, by the monotonic clock. */
  #awaySince: number | undefined

  constructor(options: GateOptions) {
    this.#options = options
    this.#breaker = new Breaker(options.policy.breaker, options.random)
  }

  get breaker(): BreakerState {
    return this.#breaker.state
  }

  /** True while the breaker is not closed because record after record failed. */
  get isRun(): boolean {
    return this.#breaker.state !== 'closed' && this.#breaker.reason === 'failures'
  }

  /** Applies so far that applied records. */
  get successes(): number {
    return this.#successes
  }

  /** Records applied so far, or found superseded. */
  get appliedRecords(): number {
    return this.#appliedRecords
  }

  /** Marks what is begun now; see {@link Breaker}. */
  get generation(): number {
    return this.#breaker.generation
  }

  /** True while the target's wish for less is heeded. */
  get isPaused(): boolean {
    return this.#pause !== undefined
  }

  /** For how long so far, in ms, the target was away as a whole, or its wish for less was heeded. */
  get awayMs(): number {
    const now = this.#options.clock.monotonic()
    return this.#awayMs + now - (this.#awaySince ?? now)
  }

  get admission(): Admission {
    if (this.#pause !== undefined) return 'none'
    if (this.#breaker.state === 'closed') return 'all'
    return this.#breaker.state === 'half-open' && !this.#probing ? 'probe' : 'none'
  }

  /** When delivery is tried again, in ms since the Unix epoch; undefined if it is not paused. */
  get pausedUntil(): number | undefined {
    const { clock } = this.#options
    if (this.#breaker.state === 'half-open') return Math.ceil(clock.now())
    const untils = [this.#openUntil, this.#pause?.until].filter((until) => until !== undefined)
    if (untils.length === 0) return undefined
    return this.#instantIn(Math.max(...untils) - clock.monotonic())
  }

  /** A record is on its way as the probe. */
  probeStarted(): void {
    this.#probing = true
  }

  /** It came to an end that says nothing of the target, or has been told already. */
  probeEnded(generation: number): void {
    if (generation !== this.#breaker.generation || this.#breaker.state !== 'half-open') return
    this.#probing = false
    this.#isBack()
  }

  /** The target answered, and is there. It applied so many records: 0 where it rejected one for good. */
  answered(generation: number, applied: number): void {
    if (applied > 0) this.#successes++
    this.#appliedRecords += applied
    if (generation !== this.#breaker.generation) return
    if (applied > 0) {
      this.#breaker.succeeded()
      this.#pauses = 0
    }
    if (this.#breaker.state === 'half-open') this.#close()
  }

  /** Opens the breaker, unless what failed had begun before it opened last. True if it opened. */
  open(reason: BreakerReason, failure: Failure, generation: number): boolean {
    if (generation !== this.#breaker.generation) return false
    const openMs = this.#breaker.open(reason, failure.retryAfterMs)
    const { alarms, clock, events } = this.#options
    this.#awaySince ??= clock.monotonic()
    this.#openUntil = clock.monotonic() + openMs
    alarms.set(openMs, () => this.#halfOpen())
    const { code, message } = failure
    events.paused({ reason, code, message, until: this.#instantIn(openMs) })
    return true
  }

  /** The record that probed failed, as those did for which the breaker opened. */
  probeFailed(failure: Failure, generation: number): void {
    this.open(this.#breaker.reason, failure, generation)
  }

  /** The target asks for less. */
  throttle(failure: Failure): void {
    const { alarms, clock, events, policy, random } = this.#options
    if (failure.retryAfterMs === undefined && this.#pause !== undefined) return
    const backoffMs = failure.retryAfterMs ?? halfJitterMs(policy.retry, this.#pauses + 1, random)
    const delayMs = Math.max(leastPauseMs, backoffMs)
    const until = clock.monotonic() + delayMs
    this.#awaySince ??= clock.monotonic()
    const before = this.#pause
    if (before !== undefined && before.until >= until) return
    before?.alarm.cancel()
    this.#pause = { until, alarm: alarms.set(delayMs, () => this.#unpause()) }
    if (before !== undefined) return
    this.#pauses++
    const { code, message } = failure
    events.paused({ reason: 'throttled', code, message, until: this.#instantIn(delayMs) })
  }

  /** In whole ms since the Unix epoch; not before it. */
  #instantIn(delayMs: number): number {
    return Math.ceil(this.#options.clock.now() + delayMs)
  }

  #isBack(): void {
    if (this.#pause !== undefined) return
    this.#awayMs = this.awayMs
    this.#awaySince = undefined
  }

  #unpause(): void {
    this.#pause = undefined
    if (this.#breaker.state === 'closed') this.#isBack()
    if (this.#breaker.state === 'closed') this.#options.events.resumed()
    this.#options.onOpened()
  }

  #halfOpen(): void {
    this.#breaker.halfOpen()
    this.#openUntil = undefined
    this.#probing = false
    if (this.#options.target.health === undefined) this.#options.onOpened()
    else this.#askHealth(this.#options.target)
  }

  #close(): void {
    this.#breaker.close()
    this.#probing = false
    this.#isBack()
    if (this.#pause === undefined) this.#options.events.resumed()
    this.#options.onOpened()
  }

  /**
   * A target that can be reached is not yet one that takes records: where it was records that
   * failed, one of them must succeed.
   */
  #askHealth(target: Target<unknown>): void {
    this.#probing = true
    const { generation, reason } = this.#breaker
    this.#health(target).then(
      () => {
        if (generation !== this.#breaker.generation) return
        if (reason === 'unavailable') return this.#close()
        this.#probing = false
        this.#options.onOpened()
      },
      (error: unknown) => {
        if (!this.#options.stop.aborted) this.open(reason, classifyError(error), generation)
      },
    )
  }

  async #health(target: Target<unknown>): Promise<void> {
    const { clock, policy, stop } = this.#options
    const controller = new AbortController()
    const { signal } = controller
    const giveUp = (): void => {
      controller.abort(new DOMException('The health check took too long', 'TimeoutError'))
    }
    const timer = clock.setTimer(policy.applyTimeoutMs, giveUp)
    stop.addEventListener('abort', giveUp)
    const gaveUp = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    try {
      await Promise.race([target.health?.({ signal }), gaveUp])
    } finally {
      timer.cancel()
      stop.removeEventListener('abort', giveUp)
    }
  }
}

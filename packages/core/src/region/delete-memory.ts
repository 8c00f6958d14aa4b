import { type Clock, sleep } from '../clock.ts'
import type { ConfigIssue } from '../config/config-error.ts'
import { reasonOf } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { WalRecord } from '../record.ts'
import type { Target } from '../target/target.ts'

export interface DeleteMemoryOptions {
  readonly target: Pick<Target, 'remembersDeletesMs'>
  /** The target's name, and the path of its option. */
  readonly name: string
  readonly path: string
  readonly longestLagMs: number
  /** What clocks, and an apply, may add to a record's age on its way, in ms. */
  readonly marginMs: number
  readonly clock: Clock
  /** It remembers for less long than a region may be away, and could not say so in time. */
  onShort(error: WalError): void
}

/** It may be configured otherwise while this process runs, so it is asked again after so long, in ms. */
const askAgainMs = 3_600_000

/** How long an opening waits for a target's word; it is asked again before the first record. */
const askMs = 5000

/**
 * How long one target remembers deletes. A put of another region that is older than this may come after
 * a delete of its key that is newer, was applied, and is forgotten: nothing would keep the put from bringing
 * the row back, in this region only. A delete that comes late harms nothing: its memory begins when it is applied.
 */
export class DeleteMemory {
  readonly #options: DeleteMemoryOptions
  /** Undefined until the target has said it; Infinity for good. */
  #ms: number | undefined
  /** Monotonic ms at which it was last asked. */
  #askedAt = Number.NEGATIVE_INFINITY

  constructor(options: DeleteMemoryOptions) {
    this.#options = options
    if (options.target.remembersDeletesMs === undefined) this.#ms = Number.POSITIVE_INFINITY
  }

  /** What is wrong with what the target says at the opening; undefined too where it cannot say it now. */
  async issue(): Promise<ConfigIssue | undefined> {
    const { clock, path } = this.#options
    const late = new AbortController()
    const asked = this.#ask(late.signal).catch(() => undefined)
    await Promise.race([asked, sleep(clock, askMs, late.signal)])
    late.abort()
    return this.#isShort() ? { path, reason: this.#reason() } : undefined
  }

  /** Asks the target if it has not said it, and hourly. Rejects with `ERR_UNAVAILABLE` if it never could. */
  async known(signal: AbortSignal): Promise<void> {
    const before = this.#ms
    const { name, clock, target } = this.#options
    if (target.remembersDeletesMs === undefined) return
    if (before !== undefined && clock.monotonic() - this.#askedAt < askAgainMs) return
    try {
      await this.#ask(signal)
    } catch (cause) {
      // What it has said stands until it can be asked again.
      if (before !== undefined) return
      const why = reasonOf(cause)
      const message = `Target '${name}' could not say how long it remembers deletes: ${why}`
      throw new WalError('ERR_UNAVAILABLE', message, { cause, retryable: true })
    }
    if (!this.#isShort() || this.#ms === before) return
    this.#options.onShort(new WalError('ERR_CONFIG', `Target '${name}' ${this.#reason()}`))
  }

  get isKnown(): boolean {
    return this.#ms !== undefined
  }

  /** True for what might bring back a row whose delete is forgotten. */
  isTooLate({ op, version, attemptEpoch }: WalRecord): boolean {
    // Redriven: somebody has looked at it, and wants it applied.
    if (op === 'delete' || attemptEpoch > 0) return false
    const ageMs = this.#options.clock.now() - Number(version) / 1000
    return ageMs + this.#options.marginMs > (this.#ms ?? 0)
  }

  /** For messages. */
  get shown(): string {
    return `${this.#ms} ms`
  }

  async #ask(signal: AbortSignal): Promise<void> {
    this.#askedAt = this.#options.clock.monotonic()
    const ms = await this.#options.target.remembersDeletesMs?.({ signal })
    if (ms !== undefined && !(ms >= 0)) throw new TypeError(`remembersDeletesMs answered ${ms}`)
    this.#ms = ms ?? Number.POSITIVE_INFINITY
  }

  #isShort(): boolean {
    const { longestLagMs, marginMs } = this.#options
    return this.#ms !== undefined && this.#ms < longestLagMs + marginMs
  }

  #reason(): string {
    const { longestLagMs, marginMs } = this.#options
    return (
      `remembers deletes for ${this.#ms} ms, and a region may be away for ${longestLagMs} ms (longestLag), to which clocks ` +
      `and an apply may add ${marginMs} ms: what comes later than it remembers becomes a dead letter. Let it remember for ` +
      'longer, or set longestLag to less'
    )
  }
}

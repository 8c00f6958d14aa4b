import { type AheadVersions, hashOf } from './ahead-versions.ts'

/** Stripes of keys that each remember the last version given out. A power of two. */
const stripes = 4096

/** One version step: the low 4 bits are the region's number, so versions grow by 16. */
const step = 16

export interface VersionClockOptions {
  /** The region's number, 0 to 15. No two regions share one, so their versions never tie. */
  readonly region: number
  /** Versions begin above this one: the highest the log already holds, but for those that are `ahead`. */
  readonly floor: bigint
  /** Of keys that have to begin higher. */
  readonly ahead?: AheadVersions | undefined
}

/**
 * A hybrid logical clock: microseconds of wall-clock time that never repeat and never go back for
 * a key, also when the machine's clock does.
 *
 * It remembers the last version per stripe of keys rather than one for all: a single counter,
 * advancing by 16 microseconds a write, would run ahead of real time at 62,500 writes a second.
 * Inside, versions are numbers: microseconds of our time stay below 2^53 until the year 2255.
 */
export class VersionClock {
  readonly #region: number
  readonly #floor: number
  /** Undefined once the clock has passed all of them. */
  #ahead: AheadVersions | undefined
  /** The last version given out per stripe; made at the first use, as many a namespace has none. */
  #lastPerStripe: Float64Array | undefined
  /** The highest version given out, shown or begun with, of all keys. */
  #highest: number
  /** Records without a key take the stripes in turn: on one of them they would outrun time. */
  #turn = 0

  constructor(options: VersionClockOptions) {
    this.#region = options.region
    this.#floor = Number(options.floor)
    this.#ahead = options.ahead
    this.#highest = Math.max(this.#floor, options.ahead?.highest ?? 0)
  }

  /** The highest version it has given out or was shown, or its floor. */
  get highest(): bigint {
    return BigInt(this.#highest)
  }

  /** Versions began above this one, for every key; for some of them above another that was ahead. */
  get floor(): bigint {
    return BigInt(this.#floor)
  }

  /**
   * The next version for a key.
   * @param now by the wall clock, in ms since the Unix epoch.
   * @param after the version must be higher than this one: something the writer has seen.
   */
  next(key: string | undefined, now: number, after = 0n): bigint {
    if (this.#ahead !== undefined) this.#passAhead(now)
    const stripe = key === undefined ? this.#nextTurn() : stripeOf(key)
    const last = this.#last
    const begun = Math.max(last[stripe] ?? 0, this.#aheadOf(key))
    const passed = Math.max(begun, after === 0n ? 0 : Number(after))
    const version = this.#aligned(Math.max(now * 1000, passed))
    last[stripe] = version
    if (version > this.#highest) this.#highest = version
    return BigInt(version)
  }

  /**
   * How far ahead of the wall clock the next version for a key would be, in whole ms; 0 if it would not.
   * Records without a key take the stripes in turn; for these it looks at the one whose turn is next.
   */
  aheadMs(key: string | undefined, now: number, after = 0n): number {
    const last = this.#last[key === undefined ? this.#afterTurn() : stripeOf(key)] ?? 0
    const passed = Math.max(last, this.#aheadOf(key), Number(after))
    return Math.max(0, Math.floor(passed / 1000 - now))
  }

  /**
   * Versions for all of these keys at once: so many steps for each. Answers the highest; the lowest is
   * `steps - 1` steps of 16 below it, and above every version that any of the keys has had.
   */
  nextForAll(keys: Iterable<string>, steps: number, now: number): bigint {
    const last = this.#last
    const touched = new Set<number>()
    let passed = now * 1000
    for (const key of keys) {
      touched.add(stripeOf(key))
      passed = Math.max(passed, this.#aheadOf(key))
    }
    for (const stripe of touched) passed = Math.max(passed, last[stripe] ?? 0)
    if (touched.size === 0) passed = Math.max(passed, last[this.#nextTurn()] ?? 0)
    const version = this.#aligned(passed) + (steps - 1) * step
    for (const stripe of touched) last[stripe] = version
    if (version > this.#highest) this.#highest = version
    return BigInt(version)
  }

  /** Takes note of a key's version given out elsewhere, such as the rewrite of an unknown outcome. */
  observe(key: string | undefined, version: bigint): void {
    const shown = Number(version)
    if (shown > this.#highest) this.#highest = shown
    if (key === undefined) return
    const last = this.#last
    const stripe = stripeOf(key)
    last[stripe] = Math.max(last[stripe] ?? 0, shown)
  }

  /** A clock of the same region that begins above this version, and knows nothing of this one. */
  above(floor: bigint): VersionClock {
    return new VersionClock({ region: this.#region, floor })
  }

  /**
   * Keeps versions free for somebody else: those above `floor`, up to `ceiling`. No version up to the
   * ceiling is given out from here on, and none above the floor was, nor is the floor behind `now`.
   * @param width how far the ceiling is to be above the floor, beside the spare steps.
   * @param now by the wall clock, in ms since the Unix epoch.
   */
  reserve(width: bigint, spareSteps: number, now: number): { floor: bigint; ceiling: bigint } {
    const floor = Math.max(now * 1000, this.#highest)
    const ceiling = this.#aligned(floor + Number(width) + spareSteps * step)
    const last = this.#last
    for (let stripe = 0; stripe < stripes; stripe++) {
      last[stripe] = Math.max(last[stripe] ?? 0, ceiling)
    }
    this.#highest = Math.max(this.#highest, ceiling)
    return { floor: BigInt(Math.floor(floor)), ceiling: BigInt(ceiling) }
  }

  get #last(): Float64Array {
    this.#lastPerStripe ??= new Float64Array(stripes).fill(this.#floor)
    return this.#lastPerStripe
  }

  #aheadOf(key: string | undefined): number {
    return key === undefined || this.#ahead === undefined ? 0 : this.#ahead.of(key)
  }

  /** What lies behind the clock is remembered like any version: also if the clock goes back once more. */
  #passAhead(now: number): void {
    const highest = this.#ahead?.highest ?? 0
    if (now * 1000 < highest) return
    const last = this.#last
    for (let stripe = 0; stripe < stripes; stripe++) {
      last[stripe] = Math.max(last[stripe] ?? 0, highest)
    }
    this.#ahead = undefined
  }

  #nextTurn(): number {
    this.#turn = this.#afterTurn()
    return this.#turn
  }

  #afterTurn(): number {
    return (this.#turn + 1) & (stripes - 1)
  }

  /** The lowest number above `micros` whose low 4 bits are the region's. */
  #aligned(micros: number): number {
    return Math.floor(micros / step) * step + step + this.#region
  }
}

function stripeOf(key: string): number {
  return hashOf(key) & (stripes - 1)
}

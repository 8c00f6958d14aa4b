import type { Pace } from './pace.ts'

/** What the process of one region is told. */
export interface RegionTask extends Pace {
  /** Its own directory, for its log. */
  readonly directory: string
  /** Where the processes meet. */
  readonly meetingPlace: string
  readonly name: string
  /** All regions, this one included. A region's number is its place. */
  readonly names: readonly string[]
  readonly payloadBytes: number
  /** How many keys it writes in turn. */
  readonly keys: number
  readonly warmUpMs: number
}

/** What it has seen, in ms from the instant at which each write was due; warm-up left out. */
export interface RegionTimes {
  readonly written: number
  readonly arrived: number
  /** Until the write was durable here. */
  readonly durableMs: Float64Array
  /** Until a record of another region was applied, or stored, here. */
  readonly lagMs: Float64Array
  /** Processor time that all its threads took while it wrote, in ms. */
  readonly cpuMs: number
}

/** What is wrong where a region did not get, exactly once, what all others have written. */
export function missingArrivals(
  regions: readonly Pick<RegionTimes, 'written' | 'arrived'>[],
): string | undefined {
  const all = regions.reduce((sum, { written }) => sum + written, 0)
  for (const [at, { arrived, written }] of regions.entries()) {
    if (arrived === all - written) continue
    return `${all - written} records were written elsewhere and ${arrived} came to region ${at + 1}`
  }
  return undefined
}

/** What was due at an instant, by the clock of `machineNow`, and for how long it took. */
export class Latencies {
  readonly #from: number
  #values = new Float64Array(65_536)
  #count = 0

  /** Only what was due at `from` or later counts. */
  constructor(from: number) {
    this.#from = from
  }

  add(dueAt: number, now: number): void {
    if (dueAt < this.#from) return
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#count * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#count++] = now - dueAt
  }

  get values(): Float64Array {
    return this.#values.slice(0, this.#count)
  }
}

import type { Clock, TransactionState } from '@daybook/core'
import type { Calls } from './calls.ts'

/** A partition of the index that has rows, or had some. */
export interface Bucket {
  /** The first 8 digits of its ids: those begun in the same 65.5 seconds. */
  readonly name: string
  /** The timestamp of its row, in microseconds, by the clock of who wrote it. */
  readonly writtenAt: bigint
}

const nameDigits = 8

/** A UUIDv7 begins with its time in ms, 12 digits of which a bucket's name has the first 8. */
const spanMs = 2 ** 16

/** Read at a time. */
const pageRows = 100

/** A bucket is noted again by a process once so much time has passed, in ms. */
const noteAgainMs = 60_000

/**
 * An empty bucket is let go of this long after it was noted, in ms. Above the time in which it is not noted
 * again by so much that the clocks of the processes may differ meanwhile.
 */
const oldMs = 600_000

/** Ids further ahead than this are none by time, in ms: a caller may bring a UUID of another kind. */
const furthestAheadMs = 86_400_000

const mostNoted = 1_000

/**
 * Which buckets there are. Small ones, so that a list of transactions never meets the tombstones of more than a minute's;
 * and those that are empty are let go of, so that it does not meet them twice.
 */
export class BucketTable {
  readonly #calls: Calls
  readonly #table: string
  readonly #namespace: string
  readonly #clock: Clock
  /** When this process noted a bucket, by the monotonic clock. */
  readonly #noted = new Map<string, number>()

  constructor(calls: Calls, table: string, options: { namespace: string; clock: Clock }) {
    this.#calls = calls
    this.#table = table
    this.#namespace = options.namespace
    this.#clock = options.clock
  }

  async note(state: TransactionState, bucket: string): Promise<void> {
    const place = `${state} ${bucket}`
    const now = this.#clock.monotonic()
    const before = this.#noted.get(place)
    if (before !== undefined && now - before < noteAgainMs) return
    await this.#calls.write(
      `INSERT INTO ${this.#table} (namespace, state, bucket, noted_at) VALUES (?, ?, ?, ?)`,
      [this.#namespace, state, bucket, new Date(this.#clock.now())],
    )
    if (this.#noted.size >= mostNoted) this.#noted.clear()
    this.#noted.set(place, now)
  }

  /**
   * The buckets of a state from this one on, in their order, but for those all of whose ids were made at this instant or later: no
   * state of theirs changed before. What has ended is kept for days, and there may be thousands of these.
   */
  async *from(
    state: TransactionState,
    first: string,
    before = Number.POSITIVE_INFINITY,
  ): AsyncGenerator<Bucket> {
    let after = first
    let comparison = '>='
    for (;;) {
      const rows = await this.#calls.read(
        `SELECT bucket, writetime(noted_at) AS written_at FROM ${this.#table} ` +
          `WHERE namespace = ? AND state = ? AND bucket ${comparison} ? LIMIT ?`,
        [this.#namespace, state, after, pageRows],
      )
      comparison = '>'
      let isOver = rows.length < pageRows
      for (const row of rows) {
        const bucket = { name: String(row['bucket']), writtenAt: BigInt(String(row['written_at'])) }
        after = bucket.name
        if (this.#isSince(bucket, before)) {
          after = this.#lastByTime()
          isOver = false
          break
        }
        yield bucket
      }
      if (isOver) return
    }
  }

  #isSince({ name }: Bucket, instant: number): boolean {
    const begins = Number.parseInt(name, 16) * spanMs
    return begins >= instant && begins < this.#clock.now() + furthestAheadMs
  }

  /** Behind it are buckets of ids that are none by time. */
  #lastByTime(): string {
    const last = Math.ceil((this.#clock.now() + furthestAheadMs) / spanMs) - 1
    return last.toString(16).padStart(nameDigits, '0')
  }

  isOld({ writtenAt }: Bucket): boolean {
    return BigInt(Math.floor(this.#clock.now()) - oldMs) * 1_000n > writtenAt
  }

  /** Lets go of it, if it is old, and unless somebody notes it meanwhile: that has a later timestamp. */
  async forget(state: TransactionState, bucket: Bucket): Promise<void> {
    if (!this.isOld(bucket)) return
    await this.#calls.write(
      `DELETE FROM ${this.#table} USING TIMESTAMP ? WHERE namespace = ? AND state = ? AND bucket = ?`,
      [`${bucket.writtenAt}`, this.#namespace, state, bucket.name],
    )
  }
}

/** The bucket of an id. Its name sorts as its ids do. */
export function bucketOf(id: string): string {
  return id.slice(0, nameDigits)
}

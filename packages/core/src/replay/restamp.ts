import type { PastRange, PastReader, PastRecord } from '../queue/past.ts'
import type { StoredRecord } from '../record.ts'
import type { VersionClock } from '../version.ts'
import { KeySet } from './key-set.ts'

/** What restamping needs of its namespace. */
export interface RestampContext {
  readonly versions: VersionClock
  open(range: PastRange): Promise<PastReader>
  now(): number
}

/** Reads a range, a batch at a time, up to its end. */
type ReadAll = (
  reader: PastReader,
  use: (past: readonly PastRecord[]) => void | Promise<void>,
) => Promise<void>

/** Records written while the last of them were being counted: fewer are left to chance. */
const fewRecords = 10_000

/** Versions kept free for what is written between the count and the end: a third of a second. */
const spareSteps = 2 * fewRecords

/**
 * New versions for the records of a range, above all there were and below all that are given out
 * from now on.
 *
 * Records that are written meanwhile have their versions from after the reservation, and win. Those
 * that were on their way at that time have one from before: they come into the log before the first
 * copy is durable, and are found behind the range. So are all later ones of a key of the range. They are
 * replayed as well, in their order, lest an old record get a higher version than a newer one.
 */
export class Restamp {
  readonly #versions: VersionClock
  readonly #keys: KeySet
  /** The highest version that was given out or seen before. */
  readonly #floor: bigint
  /** The highest that is reserved. */
  readonly #ceiling: bigint

  /** Counts what is to be sent, and reserves a version for each record of the key that has most. */
  static async reserve(
    { versions, open, now }: RestampContext,
    range: PastRange,
    readAll: ReadAll,
    isChosen: (record: StoredRecord) => boolean,
  ): Promise<Restamp> {
    const keys = new KeySet()
    const counter = versions.above(0n)
    const count = (record: StoredRecord): void => void counter.next(record.key, 0)
    let reader = await open(range)
    try {
      await readAll(reader, (past) => {
        for (const { record } of past.filter((one) => isChosen(one.record))) {
          if (record.key !== undefined) keys.add(record.key)
          count(record)
        }
      })
      for (let looked = Number.POSITIVE_INFINITY; looked > fewRecords; ) {
        looked = 0
        const next = await open({ from: { position: reader.position }, to: undefined })
        await reader.close()
        reader = next
        await readAll(reader, (past) => {
          looked += past.length
          for (const { record } of past) {
            if (isLater(keys, record) && isChosen(record)) count(record)
          }
        })
      }
    } finally {
      await reader.close()
    }
    const { floor, ceiling } = versions.reserve(counter.highest, spareSteps, now())
    return new Restamp(versions.above(floor), keys, floor, ceiling)
  }

  private constructor(versions: VersionClock, keys: KeySet, floor: bigint, ceiling: bigint) {
    this.#versions = versions
    this.#keys = keys
    this.#floor = floor
    this.#ceiling = ceiling
  }

  /** True for a record behind the range that has to follow one in it. */
  follows(record: StoredRecord): boolean {
    return record.version <= this.#floor && isLater(this.#keys, record)
  }

  /** The record with its new version. */
  stamp(record: StoredRecord): StoredRecord {
    const version = this.#versions.next(record.key, 0)
    if (version <= this.#ceiling) return { ...record, version }
    throw new RangeError(
      'More was written while the replay began than it had reserved versions for. Begin it again.',
    )
  }
}

function isLater(keys: KeySet, { key }: StoredRecord): boolean {
  return key !== undefined && keys.mayHave(key)
}

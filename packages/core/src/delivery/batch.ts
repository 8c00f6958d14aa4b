import type { WalRecord } from '../record.ts'
import type { Entry } from './entry.ts'
import type { Turn } from './isolation.ts'
import type { Lane } from './lane.ts'

/** Records that were taken together, and are applied together unless it fails. */
export interface Batch {
  readonly entries: readonly Entry[]
  /** The breaker's generation when it began. */
  readonly generation: number
  /** When it may be at the target. */
  readonly turn: Turn
  /** It asks whether the target is back. */
  readonly probe: boolean
  /** Lanes of which an earlier record came back: later ones of them must not end before it. */
  readonly heldLanes: Set<Lane>
  /** Lanes of which an earlier record became a dead letter: a failure of a later one may be its fault. */
  readonly failedLanes: Set<Lane>
  /** Records for which the target has sent nothing, since the part that they are for is away. */
  untried: number
  /**
   * Nothing of it is at the target any more, nor will be: another one may begin, while it is noted what came of this one. More
   * than one call is harmless.
   */
  makeRoom(): void
}

/** Records of a batch as they go into one `apply`. */
export interface Part {
  readonly entries: readonly Entry[]
  readonly records: readonly WalRecord[]
}

/** When an apply began and how long it took. */
export interface Span {
  /** Ms since the Unix epoch. */
  readonly at: number
  readonly durationMs: number
}

/** The first and the second half, to find out which one makes the whole fail. */
export function halves({ entries, records }: Part): readonly [Part, Part] {
  const middle = Math.ceil(entries.length / 2)
  return [
    { entries: entries.slice(0, middle), records: records.slice(0, middle) },
    { entries: entries.slice(middle), records: records.slice(middle) },
  ]
}

/** The part without the records that must not go. */
export function only(part: Part, mayGo: (entry: Entry) => boolean): Part {
  if (part.entries.every(mayGo)) return part
  const kept = part.entries.map(mayGo)
  return {
    entries: part.entries.filter((_, index) => kept[index]),
    records: part.records.filter((_, index) => kept[index]),
  }
}

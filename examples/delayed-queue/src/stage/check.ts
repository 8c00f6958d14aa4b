/** A stream that was put, and is durable. */
export interface Put {
  readonly key: string
  readonly version: bigint
  readonly segments: number
}

/** A deletion that was scheduled, and is durable. */
export interface Deletion {
  readonly key: string
  readonly version: bigint
  /** It was asked for at that instant or later, and so is not due before, in ms since the Unix epoch. */
  readonly notBefore: number
  /** Taken back before its time. */
  readonly isCancelled: boolean
}

/** A change that came to the store, whether or not its version let it in. */
export interface Arrival {
  readonly key: string
  readonly version: bigint
  readonly op: string
  /** When it came, and when its record was due: ms since the Unix epoch. */
  readonly at: number
  readonly due: number | undefined
}

/** The store as it was read back. */
export interface StoreReading {
  /** Segments of each stream that is there. A stream that is gone may have left some behind. */
  readonly segments: ReadonlyMap<string, number>
  /** In the order in which they came. */
  readonly arrivals: readonly Arrival[]
}

/** Each finding is a sentence; the store is right if there is none. */
export interface Findings {
  /** Streams that should be there, and are not whole. */
  readonly lost: readonly string[]
  /** Deletions whose time is over, and that never came. */
  readonly forgotten: readonly string[]
  /** Deletions that came before their time. */
  readonly early: readonly string[]
  /** Deletions that came although they had been taken back. */
  readonly uncalledFor: readonly string[]
  /** Streams that should be gone, and have segments. */
  readonly leftBehind: readonly string[]
  /** Seconds in which more were deleted than the store can bear. */
  readonly tooMany: readonly string[]
}

/** Compares what the store holds, and what came to it when, with what was acknowledged. */
export function checkStore(
  store: StoreReading,
  puts: readonly Put[],
  deletions: readonly Deletion[],
  mostPerSecond: number,
): Findings {
  const arrivals = store.arrivals.filter(({ op }) => op === 'delete')
  const came = Map.groupBy(arrivals, nameOf)
  const known = new Map(deletions.map((deletion) => [nameOf(deletion), deletion]))
  const stands = deletions.filter(({ isCancelled }) => !isCancelled)
  return {
    ...wrongStreams(store, puts, stands),
    forgotten: stands
      .filter((deletion) => !came.has(nameOf(deletion)))
      .map((deletion) => `${nameOf(deletion)} was never deleted`),
    early: arrivals.flatMap((arrival) => {
      const dueAt = Math.max(known.get(nameOf(arrival))?.notBefore ?? 0, arrival.due ?? 0)
      return arrival.at >= dueAt ? [] : [`${nameOf(arrival)} came ${dueAt - arrival.at} ms early`]
    }),
    uncalledFor: [...came.keys()]
      .filter((name) => known.get(name)?.isCancelled !== false)
      .map((name) => `${name} came, uncalled for`),
    tooMany: crowdedSeconds(
      arrivals.map(({ at }) => at),
      mostPerSecond,
    ),
  }
}

/** How long after their time deletions came, in ms, ascending. */
export function latenesses({ arrivals }: StoreReading): readonly number[] {
  return arrivals
    .flatMap(({ at, due }) => (due === undefined ? [] : at - due))
    .sort((a, b) => a - b)
}

/** The most that fall into any second; `times` in ms, in any order. */
export function busiestSecond(times: readonly number[]): number {
  return Math.max(0, ...countsWithinASecond(times).map(({ count }) => count))
}

function wrongStreams(
  { segments }: StoreReading,
  puts: readonly Put[],
  stands: readonly Deletion[],
): Pick<Findings, 'lost' | 'leftBehind'> {
  const last = new Map<string, { readonly version: bigint; readonly segments: number }>()
  for (const change of [...puts, ...stands.map((one) => ({ ...one, segments: 0 }))]) {
    if (change.version > (last.get(change.key)?.version ?? 0n)) last.set(change.key, change)
  }
  const lost: string[] = []
  const leftBehind: string[] = []
  for (const [key, should] of last) {
    const held = segments.get(key) ?? 0
    if (held === should.segments) continue
    const finding = `${key} has ${held} segments, not ${should.segments}`
    if (should.segments === 0) leftBehind.push(finding)
    else lost.push(finding)
  }
  return { lost, leftBehind }
}

function crowdedSeconds(times: readonly number[], most: number): readonly string[] {
  return countsWithinASecond(times)
    .filter(({ count }) => count > most)
    .map(
      ({ from, count }) => `${count} came within the second from ${new Date(from).toISOString()}`,
    )
}

/** For each instant, how many fall into the second that begins with it. */
function countsWithinASecond(
  times: readonly number[],
): readonly { readonly from: number; readonly count: number }[] {
  const sorted = times.toSorted((a, b) => a - b)
  let end = 0
  return sorted.map((from, start) => {
    while (end < sorted.length && (sorted[end] ?? 0) < from + 1_000) end++
    return { from, count: end - start }
  })
}

function nameOf({ key, version }: { readonly key: string; readonly version: bigint }): string {
  return `${key}@${version}`
}

/** What several rounds of one measurement came to. Same unit as the rounds themselves. */
export interface Summary {
  readonly median: number
  readonly mean: number
  readonly min: number
  readonly max: number
  /** (max - min) / median: how far the rounds lie apart. 0 where the median is 0. */
  readonly spread: number
}

/** Summarises rounds; at least one is needed. */
export function summarize(values: readonly number[]): Summary {
  if (values.length === 0) throw new RangeError('cannot summarize no rounds')
  const sorted = Float64Array.from(values).sort()
  const median = quantile(sorted, 0.5)
  const min = quantile(sorted, 0)
  const max = quantile(sorted, 1)
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length
  return { median, mean, min, max, spread: median === 0 ? 0 : (max - min) / median }
}

/**
 * The value at `fraction` (0 to 1) of an ascending list, interpolated between neighbours as
 * spreadsheets and NumPy do. NaN for an empty list.
 */
export function quantile(ascending: ArrayLike<number>, fraction: number): number {
  const position = (ascending.length - 1) * fraction
  const below = Math.floor(position)
  const low = ascending[below] ?? Number.NaN
  const high = ascending[Math.ceil(position)] ?? Number.NaN
  return low + (high - low) * (position - below)
}

/**
 * Compares two contestants round by round. A machine that slows down for some rounds slows both
 * sides of a pair, so the median of the paired ratios is steadier than the ratio of the medians.
 */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): Summary {
  if (ours.length !== theirs.length) {
    throw new RangeError(`cannot pair ${ours.length} rounds with ${theirs.length}`)
  }
  return summarize(ours.map((value, round) => value / (theirs[round] ?? Number.NaN)))
}

import { type Rows, rowNumbers } from './run-format.ts'

/**
 * Rows in the order of their first number, then their second. Written out, since the sort of typed
 * arrays takes many times as long with a function to compare by.
 */
export function sortRows(rows: Rows): Rows {
  const count = rows.length / rowNumbers
  let from = new Uint32Array(count).map((_, at) => at)
  let to = new Uint32Array(count)
  for (let width = 1; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      merge(
        rows,
        from,
        to,
        start,
        Math.min(start + width, count),
        Math.min(start + 2 * width, count),
      )
    }
    const sorted = to
    to = from
    from = sorted
  }
  const result = new Float64Array(rows.length)
  for (let at = 0; at < count; at++) {
    const row = (from[at] as number) * rowNumbers
    for (let column = 0; column < rowNumbers; column++) {
      result[at * rowNumbers + column] = rows[row + column] as number
    }
  }
  return result
}

/** Merges two sorted stretches, from `start` and from `middle` on. */
function merge(
  rows: Rows,
  from: Uint32Array,
  to: Uint32Array,
  start: number,
  middle: number,
  end: number,
): void {
  let left = start
  let right = middle
  for (let at = start; at < end; at++) {
    const takeLeft =
      right >= end || (left < middle && !isAfter(rows, from[left] as number, from[right] as number))
    to[at] = (takeLeft ? from[left++] : from[right++]) as number
  }
}

function isAfter(rows: Rows, one: number, other: number): boolean {
  const first = rows[one * rowNumbers] as number
  const second = rows[other * rowNumbers] as number
  if (first !== second) return first > second
  return (rows[one * rowNumbers + 1] as number) > (rows[other * rowNumbers + 1] as number)
}

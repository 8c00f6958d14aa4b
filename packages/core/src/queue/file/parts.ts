/** Bytes that lie in one piece, or in several that follow one another. */
export type Parts = Uint8Array | readonly Uint8Array[]

/** One piece, or several, as several. */
export function partsOf(parts: Parts): readonly Uint8Array[] {
  return isSeveral(parts) ? parts : [parts]
}

/** How many bytes all of the parts have. */
export function byteLengthOf(parts: Parts): number {
  if (!isSeveral(parts)) return parts.byteLength
  let bytes = 0
  for (const part of parts) bytes += part.byteLength
  return bytes
}

/** The bytes from `from` up to `to`, where they are: nothing is copied. None of the parts is empty. */
export function sliceParts(
  parts: Parts,
  from: number,
  to = Number.POSITIVE_INFINITY,
): readonly Uint8Array[] {
  const slice: Uint8Array[] = []
  let start = 0
  for (const part of partsOf(parts)) {
    const end = start + part.byteLength
    const first = Math.max(from, start)
    const last = Math.min(to, end)
    if (first < last) slice.push(part.subarray(first - start, last - start))
    start = end
  }
  return slice
}

function isSeveral(parts: Parts): parts is readonly Uint8Array[] {
  return Array.isArray(parts)
}

/** Letters so near to each other are read in one go. */
const nearOffsets = 200

/** Offsets from one up to, and without, another. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** Spans that hold these offsets, which grow. */
export function spansOf(offsets: readonly number[]): readonly Span[] {
  const spans: { from: number; to: number }[] = []
  for (const offset of offsets) {
    const last = spans.at(-1)
    if (last !== undefined && offset - last.to < nearOffsets) last.to = offset + 1
    else spans.push({ from: offset, to: offset + 1 })
  }
  return spans
}

/** Hands the items out in turn, for ever. There must be one at least. */
export function cycle<T>(items: readonly T[]): () => T {
  const [first] = items
  if (first === undefined) throw new RangeError('there is nothing to hand out')
  let next = 0
  return () => {
    const item = items[next] ?? first
    next = next + 1 === items.length ? 0 : next + 1
    return item
  }
}

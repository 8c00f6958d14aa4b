import type { Work } from './work.ts'

/** Rough size of a statement in a batch beside its values, in bytes. */
const statementBytes = 40

/**
 * Puts the works of each partition together, as many as fit into so many bytes. A batch of one
 * partition is one mutation for its replicas; one of several would burden its coordinator.
 *
 * Gives back the places of the works that go together; one with another partition, or none, goes alone.
 */
export function batchesOf(
  works: readonly Work[],
  maxBytes: number,
): readonly (readonly number[])[] {
  const batches: number[][] = []
  const open = new Map<string, { places: number[]; bytes: number }>()
  for (const [place, { partition, bytes, statements }] of works.entries()) {
    const size = bytes + statements.length * statementBytes
    const batch = partition === undefined ? undefined : open.get(partition)
    if (batch !== undefined && batch.bytes + size <= maxBytes) {
      batch.places.push(place)
      batch.bytes += size
      continue
    }
    const places = [place]
    batches.push(places)
    if (partition !== undefined) open.set(partition, { places, bytes: size })
  }
  return batches
}

/** True where the statements of these works may go as one batch. */
export function isOneBatch(works: readonly Work[], maxBytes: number): boolean {
  const [first] = works
  if (first?.partition === undefined) return false
  const bytes = works.reduce(
    (sum, work) => sum + work.bytes + work.statements.length * statementBytes,
    0,
  )
  return works.every(({ partition }) => partition === first.partition) && bytes <= maxBytes
}

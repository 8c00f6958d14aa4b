/** As much of a record as the report needs. */
export interface Identified {
  readonly id: string
  readonly key: string | undefined
}

/** What a target was given, held against what was written. All empty but `repeated`: all is well. */
export interface DeliveryReport<R extends Identified> {
  /** Written, and never applied. */
  readonly lost: readonly R[]
  /** Applied, and never written. */
  readonly unknown: readonly R[]
  /** Applied again; allowed, delivery being at least once. */
  readonly repeated: readonly R[]
  /** Applied for the first time when a later one of their key had been applied already. */
  readonly outOfOrder: readonly R[]
}

/**
 * Compares what was applied, in the order in which it was, with what was written, in the order in
 * which it was. Order counts among the records of one key, at the first time of each.
 */
export function reportDelivery<R extends Identified>(
  written: readonly R[],
  applied: readonly R[],
): DeliveryReport<R> {
  const places = new Map(written.map(({ id }, place) => [id, place]))
  const seen = new Set<string>()
  const furthest = new Map<string, number>()
  const unknown: R[] = []
  const repeated: R[] = []
  const outOfOrder: R[] = []
  for (const record of applied) {
    const place = places.get(record.id)
    if (place === undefined) unknown.push(record)
    else if (seen.has(record.id)) repeated.push(record)
    else {
      seen.add(record.id)
      if (record.key === undefined) continue
      const before = furthest.get(record.key) ?? -1
      if (place < before) outOfOrder.push(record)
      furthest.set(record.key, Math.max(place, before))
    }
  }
  return { lost: written.filter(({ id }) => !seen.has(id)), unknown, repeated, outOfOrder }
}

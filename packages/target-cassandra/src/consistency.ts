/** How many replicas must have a write before it counts; see Cassandra's own pages on each. */
export type Consistency =
  | 'any'
  | 'one'
  | 'two'
  | 'three'
  | 'quorum'
  | 'all'
  | 'localQuorum'
  | 'eachQuorum'
  | 'localOne'

/** As the protocol numbers them, and the driver's `types.consistencies`. */
const numbers: Readonly<Record<Consistency, number>> = {
  any: 0,
  one: 1,
  two: 2,
  three: 3,
  quorum: 4,
  all: 5,
  localQuorum: 6,
  eachQuorum: 7,
  localOne: 10,
}

/** The protocol's number; undefined where there is no such consistency for a write. */
export function consistencyNumber(consistency: Consistency | number): number | undefined {
  if (typeof consistency === 'string') {
    return Object.hasOwn(numbers, consistency) ? numbers[consistency] : undefined
  }
  return Object.values(numbers).includes(consistency) ? consistency : undefined
}

/** What reads what was written so: `any` and `eachQuorum` are for writes only. */
export function readConsistency(written: number | undefined): number | undefined {
  if (written === numbers.any) return numbers.one
  return written === numbers.eachQuorum ? numbers.quorum : written
}

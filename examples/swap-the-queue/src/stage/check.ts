/** A scan that a worker has said is durable. */
export interface Acknowledged {
  readonly key: string
  readonly version: bigint
  /** Which scan of the parcel it is, counted from one. */
  readonly number: number
}

/** One version of one parcel. */
export interface Change {
  readonly key: string
  readonly version: bigint
}

/** Something that came to the table, whether or not it changed anything. */
export interface Arrival extends Change {
  /** The process that brought it. */
  readonly via: string
}

/** A table as it was read back. */
export interface TableReading {
  readonly rows: readonly Acknowledged[]
  /** All that came, in the order in which it did, noted before the guard by version. */
  readonly arrivals: readonly Arrival[]
  /** All that changed a row, in the order in which it did. */
  readonly changes: readonly Change[]
}

/** What is wrong, as sentences: nothing, if all is well. And what is not, but worth a figure. */
export interface Findings {
  /** Acknowledged, and never arrived. */
  readonly lost: readonly string[]
  /** Came for the first time when a later version of its parcel had come already. */
  readonly outOfOrder: readonly string[]
  /** Changed a row that had this version, or a later one. */
  readonly harmful: readonly string[]
  /** Parcels of which the table does not hold what was acknowledged last. */
  readonly diverged: readonly string[]
  /** Arrivals of what had arrived before. */
  readonly again: number
}

/** Compares what a table holds, and how it came to hold it, with what was acknowledged. */
export function checkTable(table: TableReading, acknowledged: readonly Acknowledged[]): Findings {
  const arrived = new Set(table.arrivals.map(nameOf))
  return {
    lost: acknowledged
      .filter((one) => !arrived.has(nameOf(one)))
      .map((one) => `${nameOf(one)} never arrived`),
    outOfOrder: overtaken(table.arrivals),
    harmful: stepsBack(table.changes),
    diverged: wrongRows(table.rows, acknowledged),
    again: table.arrivals.length - arrived.size,
  }
}

function overtaken(arrivals: readonly Arrival[]): string[] {
  const seen = new Set<string>()
  const highest = new Map<string, bigint>()
  const findings: string[] = []
  for (const arrival of arrivals) {
    const name = nameOf(arrival)
    if (seen.has(name)) continue
    seen.add(name)
    const before = highest.get(arrival.key) ?? 0n
    if (arrival.version < before) findings.push(`${name} first came after ${before}`)
    else highest.set(arrival.key, arrival.version)
  }
  return findings
}

function stepsBack(changes: readonly Change[]): string[] {
  const held = new Map<string, bigint>()
  const findings: string[] = []
  for (const { key, version } of changes) {
    const before = held.get(key) ?? 0n
    if (version <= before) findings.push(`${nameOf({ key, version })} was put over ${before}`)
    held.set(key, version)
  }
  return findings
}

function wrongRows(
  rows: readonly Acknowledged[],
  acknowledged: readonly Acknowledged[],
): readonly string[] {
  const last = new Map<string, Acknowledged>()
  for (const one of acknowledged) {
    if (one.version > (last.get(one.key)?.version ?? 0n)) last.set(one.key, one)
  }
  const held = new Map(rows.map((row) => [row.key, row]))
  return [...new Set([...last.keys(), ...held.keys()])].flatMap((key) => {
    const [is, should] = [scanOf(held.get(key)), scanOf(last.get(key))]
    return is === should ? [] : [`${key} is held as ${is}, not ${should}`]
  })
}

function scanOf(one: Acknowledged | undefined): string {
  return one === undefined ? 'nothing' : `scan ${one.number} of version ${one.version}`
}

function nameOf({ key, version }: Change): string {
  return `${key}@${version}`
}

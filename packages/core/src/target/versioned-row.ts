import type { Op } from '../record.ts'

/** Fields of a row, by name. */
type Fields = Readonly<Record<string, unknown>>

/**
 * A row as it is held, with what has to be known of it to take its changes in any order: a version for the
 * whole, and one for each field that a patch has set since.
 */
export interface VersionedRow {
  /** Version of the newest put or delete, 0 before any. What is older changes nothing. */
  readonly since: bigint
  /** What was put, with the fields that patches have set since; undefined where it was deleted, or never put. */
  readonly value: unknown
  /** Where no object is held: the fields that patches have set, for a put that is older than these and still to come. */
  readonly part: Readonly<Record<string, unknown>>
  /** Version of each field that a patch has set since. */
  readonly patched: ReadonlyMap<string, bigint>
}

/** A change of a row: of a record as much as counts. */
export interface RowChange {
  readonly op: Op
  readonly version: bigint
  /** Of a put the whole, of a patch the fields that it sets. */
  readonly payload?: unknown
}

/**
 * Why a change leaves a row as it is: it was applied already; something newer is held; or it patches what
 * is no object, and has no fields.
 */
export type NoChange = 'applied' | 'superseded' | 'not_an_object'

/**
 * The row after a change, so that changes come to the same in any order and however often: of each field the
 * newest is kept. A patch of what is no object changes nothing, and has to be given again once an object is held. For stores that compare no versions field by field themselves: read, call this, and
 * write on condition that nobody has written since.
 */
export function changeRow(row: VersionedRow, change: RowChange): VersionedRow | NoChange {
  const { op, version, payload } = change
  if (version === row.since) return 'applied'
  if (version < row.since) return 'superseded'
  return op === 'patch'
    ? patched(row, version, payload as Fields)
    : replaced(row, version, op === 'put' ? payload : undefined)
}

/** The highest version of all that a row holds. */
export function newestOf({ since, patched }: Pick<VersionedRow, 'since' | 'patched'>): bigint {
  let newest = since
  for (const version of patched.values()) if (version > newest) newest = version
  return newest
}

/** What a put or a delete leaves: fields that were set by newer patches outlive it. */
function replaced(row: VersionedRow, since: bigint, payload: unknown): VersionedRow {
  const later = new Map([...row.patched].filter(([, version]) => version > since))
  const held = isFields(row.value) ? row.value : row.part
  const part = Object.fromEntries([...later.keys()].map((name) => [name, held[name]]))
  // What has no fields shows none of the patches': another put, between it and them, still will.
  if (!isFields(payload)) return { since, value: payload, part, patched: later }
  return { since, value: { ...payload, ...part }, part: {}, patched: later }
}

function patched(row: VersionedRow, version: bigint, fields: Fields): VersionedRow | NoChange {
  const { since, value, part } = row
  if (value !== undefined && !isFields(value)) return 'not_an_object'
  const versionOf = (name: string): bigint => row.patched.get(name) ?? since
  const names = Object.keys(fields)
  const newer = names.filter((name) => versionOf(name) < version)
  if (newer.length === 0) {
    return names.every((name) => versionOf(name) > version) && names.length > 0
      ? 'superseded'
      : 'applied'
  }
  const set = Object.fromEntries(newer.map((name) => [name, fields[name]]))
  const versions = new Map([...row.patched, ...newer.map((name) => [name, version] as const)])
  return value === undefined
    ? { since, value, part: { ...part, ...set }, patched: versions }
    : { since, value: { ...value, ...set }, part, patched: versions }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * What a store keeps of a row beside its value and {@link newestOf} it, as JSON; undefined where the newest version
 * says all, as no patch was newer than the last put or delete.
 */
export function rowMarks({ since, value, part, patched }: VersionedRow): string | undefined {
  if (patched.size === 0) return undefined
  const versions = Object.fromEntries([...patched].map(([name, own]) => [name, `${own}`]))
  const base = { since: `${since}`, patched: versions }
  return JSON.stringify(isFields(value) ? base : { ...base, part })
}

/** The row of which a store keeps a newest version (0 for nothing), a value and {@link rowMarks}. */
export function markedRow(newest: bigint, value: unknown, marks: string | undefined): VersionedRow {
  const plain = { since: newest, value, part: {}, patched: new Map<string, bigint>() }
  const kept = marks === undefined ? undefined : (JSON.parse(marks) as Marks)
  // The value was dropped by a cache, and the fields of its patches with it.
  if (kept === undefined || (value === undefined && kept.part === undefined)) return plain
  const versions = Object.entries(kept.patched).map(([name, own]) => [name, BigInt(own)] as const)
  const part = isFields(value) ? {} : (kept.part ?? {})
  return { since: BigInt(kept.since), value, part, patched: new Map(versions) }
}

interface Marks {
  readonly since: string
  readonly patched: Readonly<Record<string, string>>
  readonly part?: Fields
}

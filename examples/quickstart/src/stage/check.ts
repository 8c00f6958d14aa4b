import type { Film } from '@daybook/example-films'
import type { Change } from './changes.ts'

/** A change the service has said is durable. From then on it is the log's to lose. */
export interface Acknowledged {
  readonly change: Change
  readonly version: bigint
}

/** One change at one target: `film-0001@1764000000000000`. */
export type ChangeName = `${string}@${bigint}`

export function changeName(key: string, version: bigint): ChangeName {
  return `${key}@${version}`
}

/** What a store holds of a film: title and release date first, then the other fields it keeps. */
export type Content = readonly [
  title: string | null,
  released: string | null,
  ...others: (string | number | null)[],
]

export interface StoreRow {
  readonly key: string
  readonly content: Content
}

/** A store as it was read back, from its own tables. */
export interface StoreReading {
  readonly target: 'database' | 'search'
  readonly rows: readonly StoreRow[]
  /** Each version the store went through, in the order in which that happened. */
  readonly history: readonly { readonly key: string; readonly version: bigint }[]
  /** What this store should hold of a film. */
  contentOf(film: Film): Content
}

/** What the log has said of one target's changes besides applying them. */
export interface Exceptions {
  /** Waiting in the dead-letter queue. */
  readonly dead: ReadonlySet<ChangeName>
  /** Refused by the version guard, as something newer was there. */
  readonly superseded: ReadonlySet<ChangeName>
  /** Mended in the dead-letter queue: what was applied in place of what was written. */
  readonly mended: ReadonlyMap<ChangeName, Film>
}

/** Each finding is a sentence; a store is right if there is none. */
export interface Findings {
  readonly lost: readonly string[]
  readonly duplicates: readonly string[]
  readonly outOfOrder: readonly string[]
  readonly diverged: readonly string[]
}

/** Compares what a store holds, and how it came to hold it, with what was acknowledged. */
export function checkStore(
  store: StoreReading,
  acknowledged: readonly Acknowledged[],
  exceptions: Exceptions,
): Findings {
  const expected = expectedContents(store, acknowledged, exceptions.dead, exceptions.mended)
  return {
    lost: lost(store, acknowledged, expected, exceptions),
    duplicates: [...repeatedRows(store), ...repeatedVersions(store)],
    outOfOrder: [...stepsBack(store), ...overtaken(store, exceptions)],
    diverged: wrongRows(store, expected),
  }
}

/**
 * Acknowledged changes that were neither applied nor superseded, nor wait as dead letters; and films
 * whose row is gone although they all were.
 */
function lost(
  store: StoreReading,
  acknowledged: readonly Acknowledged[],
  expected: ReadonlyMap<string, Content | undefined>,
  { dead, superseded }: Exceptions,
): string[] {
  const arrived = new Set(store.history.map(({ key, version }) => changeName(key, version)))
  const never = acknowledged
    .map(({ change: { key }, version }) => ({ key, name: changeName(key, version) }))
    .filter(({ name }) => !arrived.has(name) && !dead.has(name) && !superseded.has(name))
  const accountedFor = new Set([...never, ...store.rows].map(({ key }) => key))
  const missing = [...expected].filter(
    ([key, content]) => content !== undefined && !accountedFor.has(key),
  )
  return [
    ...never.map(({ name }) => `${name} never arrived at ${store.target}`),
    ...missing.map(([key]) => `${key} is missing from ${store.target}`),
  ]
}

/** The contents after a key's last acknowledged change that was not refused; undefined: deleted. */
function expectedContents(
  store: StoreReading,
  acknowledged: readonly Acknowledged[],
  dead: ReadonlySet<ChangeName>,
  mended: ReadonlyMap<ChangeName, Film>,
): ReadonlyMap<string, Content | undefined> {
  const last = new Map<string, Acknowledged>()
  for (const one of acknowledged) {
    const { key } = one.change
    if (dead.has(changeName(key, one.version))) continue
    const before = last.get(key)
    if (before === undefined || one.version > before.version) last.set(key, one)
  }
  const contents = new Map<string, Content | undefined>()
  for (const [key, { change, version }] of last) {
    const film = change.op === 'put' ? (mended.get(changeName(key, version)) ?? change.film) : null
    contents.set(key, film === null ? undefined : store.contentOf(film))
  }
  return contents
}

/** A key twice, or the same film under two keys: the source has no film twice. */
function repeatedRows(store: StoreReading): string[] {
  const keys = repeated(store.rows.map(({ key }) => key))
  const onePerKey = new Map(store.rows.map(({ key, content }) => [key, content]))
  const films = repeated(
    [...onePerKey.values()].map(([title, released]) => `${title} (${released})`),
  )
  return [...keys, ...films].map((what) => `${store.target} has ${what} more than once`)
}

function repeatedVersions(store: StoreReading): string[] {
  return repeated(store.history.map(({ key, version }) => changeName(key, version))).map(
    (name) => `${store.target} applied ${name} more than once`,
  )
}

function stepsBack(store: StoreReading): string[] {
  const highest = new Map<string, bigint>()
  const findings: string[] = []
  for (const { key, version } of store.history) {
    const before = highest.get(key)
    if (before !== undefined && version < before) {
      findings.push(`${store.target} applied ${changeName(key, version)} after ${before}`)
    } else {
      highest.set(key, version)
    }
  }
  return findings
}

/**
 * Changes that came when the store had something newer. A guard by version hides them from the
 * store's own history; only a dead letter that was redriven has a right to come so late.
 */
function overtaken(store: StoreReading, { superseded, mended }: Exceptions): string[] {
  return [...superseded]
    .filter((name) => !mended.has(name))
    .map((name) => `${name} came to ${store.target} after a newer change`)
}

/** Rows with other contents than were acknowledged, and rows that should not be there. */
function wrongRows(
  store: StoreReading,
  expected: ReadonlyMap<string, Content | undefined>,
): string[] {
  const findings: string[] = []
  for (const { key, content } of store.rows) {
    const right = JSON.stringify(expected.get(key))
    const held = JSON.stringify(content)
    if (held !== right) findings.push(`${store.target} holds ${key} as ${held}, not ${right}`)
  }
  return findings
}

/** What occurs more than once, each named once. */
function repeated(names: readonly string[]): string[] {
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const name of names) (seen.has(name) ? twice : seen).add(name)
  return [...twice]
}

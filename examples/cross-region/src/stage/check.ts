/** A change that a region has begun: durable from the moment at which it has a version. */
export interface Begun {
  readonly key: string
  readonly op: 'put' | 'delete'
  /** The region, and its how-manieth change it is: these name it. */
  readonly by: string
  readonly number: number
  /** Undefined while nobody was told that it is durable, as where the region was killed just then. */
  readonly version: bigint | undefined
}

/** What a cache holds of a key: a bookmark by the change that it is of, or that there is none any more. */
export interface Held {
  readonly version: bigint | undefined
  readonly change: Pick<Begun, 'by' | 'number'> | 'deleted'
}

/** A cache as it was read back, and what came to it. */
export interface CacheReading {
  readonly region: string
  readonly items: ReadonlyMap<string, Held>
  /** Every version of every key that came, as {@link nameOf} has them: also what it turned away as older. */
  readonly arrived: ReadonlySet<string>
}

/** Each finding is a sentence: nothing, if all is well. */
export interface Findings {
  /** Changes that were acknowledged and never came to a cache, or are not to be seen there. */
  readonly lost: readonly string[]
  /** Keys that the caches do not all hold alike, or hold as no change has left them. */
  readonly diverged: readonly string[]
}

/** `viewer-7@1795855064123`. */
export function nameOf(key: string, version: bigint | undefined): string {
  return `${key}@${version}`
}

/** Holds all caches against the changes, and against one another. */
export function checkCaches(caches: readonly CacheReading[], changes: readonly Begun[]): Findings {
  const newest = newestOf(changes)
  const unknown = changes.filter(({ version }) => version === undefined)
  const keys = new Set([...newest.keys(), ...caches.flatMap(({ items }) => [...items.keys()])])
  return {
    lost: caches.flatMap((cache) => [
      ...neverCame(cache, changes),
      ...[...newest.values()].flatMap((change) => goneFrom(cache, change)),
    ]),
    diverged: [...keys].flatMap((key) => [
      ...unlike(caches, key),
      ...caches.flatMap((cache) => strange(cache, key, newest.get(key), unknown)),
    ]),
  }
}

function newestOf(changes: readonly Begun[]): ReadonlyMap<string, Begun> {
  const newest = new Map<string, Begun>()
  for (const change of changes) {
    if ((change.version ?? 0n) > (newest.get(change.key)?.version ?? 0n)) {
      newest.set(change.key, change)
    }
  }
  return newest
}

function neverCame({ region, arrived }: CacheReading, changes: readonly Begun[]): string[] {
  return changes
    .filter(({ key, version }) => version !== undefined && !arrived.has(nameOf(key, version)))
    .map((change) => `${textOf(change)} never came to ${region}`)
}

/** The newest change of a key that a cache does not show: it has nothing, or something older. */
function goneFrom({ region, items }: CacheReading, change: Begun): string[] {
  const { key, version = 0n } = change
  const held = items.get(key)
  if ((held?.version ?? 0n) >= version) return []
  return [`${textOf(change)} is not to be seen in ${region}, which holds ${shown(held)}`]
}

function unlike(caches: readonly CacheReading[], key: string): string[] {
  const views = caches.map(({ region, items }) => ({ region, view: shown(items.get(key)) }))
  if (new Set(views.map(({ view }) => view)).size <= 1) return []
  return [
    `${key} differs: ${views.map(({ region, view }) => `${region} holds ${view}`).join('; ')}`,
  ]
}

/**
 * What a cache holds that is neither the newest acknowledged change nor a newer one of which nobody was
 * told: the process that wrote it was killed before it could say so.
 */
function strange(
  { region, items }: CacheReading,
  key: string,
  newest: Begun | undefined,
  unknown: readonly Begun[],
): string[] {
  const held = items.get(key)
  if (held === undefined || (held.version ?? 0n) < (newest?.version ?? 0n)) return []
  const isIt = (change: Begun): boolean =>
    change.key === key &&
    (held.change === 'deleted'
      ? change.op === 'delete'
      : change.op === 'put' && change.by === held.change.by && change.number === held.change.number)
  const candidates = held.version === newest?.version && newest ? [newest] : unknown
  if (held.version !== undefined && candidates.some(isIt)) return []
  return [`${region} holds ${shown(held)} of ${key}, as no change has left it`]
}

function shown(held: Held | undefined): string {
  if (held === undefined) return 'nothing'
  const { version, change } = held
  const what = change === 'deleted' ? 'a deletion' : `${change.by}'s change ${change.number}`
  return `${what} of version ${version}`
}

function textOf({ by, number, op, key, version }: Begun): string {
  return `${by}'s change ${number} (${op} of ${key}, version ${version})`
}

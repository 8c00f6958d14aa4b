import { isDeepStrictEqual } from 'node:util'
import type { Film } from '../film.ts'
import { type Change, idOf } from './changes.ts'

/** A change the log has said is durable. */
export interface Acknowledged {
  readonly change: Change
  readonly version: bigint
}

/** What a store holds of a film, and the version that it keeps with it. */
export interface StoredFilm {
  readonly film: Film
  readonly version: bigint
}

/** A store as it was read back: its films by id. */
export interface StoreReading {
  readonly store: string
  readonly films: ReadonlyMap<string, StoredFilm>
}

/** Each finding is a sentence; a store is right if there is none. */
export interface Findings {
  readonly store: string
  readonly held: number
  /** Films that are not there, or as an older change left them. */
  readonly lost: readonly string[]
  /** Films that were deleted, or never written. */
  readonly risen: readonly string[]
  /** Films that are not as their last change says. */
  readonly wrong: readonly string[]
}

/** Compares what a store holds with the last acknowledged change of each film. */
export function checkStore(
  { store, films }: StoreReading,
  acknowledged: readonly Acknowledged[],
): Findings {
  const last = lastOf(acknowledged)
  const lost: string[] = []
  const wrong: string[] = []
  for (const [id, { change, version }] of last) {
    if (change.op === 'delete') continue
    const held = films.get(id)
    if (held === undefined) lost.push(`${store} lacks ${id}`)
    else if (held.version < version)
      lost.push(`${store} has ${id} as of ${held.version}, not ${version}`)
    else if (held.version > version || !isDeepStrictEqual(held.film, change.film)) {
      wrong.push(`${store} holds ${JSON.stringify(held.film)} as of ${held.version} as ${id}`)
    }
  }
  const risen = [...films.keys()]
    .filter((id) => last.get(id)?.change.op !== 'put')
    .map((id) => `${store} holds ${id}, which is deleted or was never written`)
  return { store, held: films.size, lost, risen, wrong }
}

/** What one store holds and the other does not, or holds otherwise. */
export function differences(a: StoreReading, b: StoreReading): readonly string[] {
  const ids = new Set([...a.films.keys(), ...b.films.keys()])
  return [...ids]
    .filter((id) => !isDeepStrictEqual(a.films.get(id), b.films.get(id)))
    .map((id) => `${id} is not the same in ${a.store} and ${b.store}`)
}

function lastOf(acknowledged: readonly Acknowledged[]): ReadonlyMap<string, Acknowledged> {
  const last = new Map<string, Acknowledged>()
  for (const one of acknowledged) {
    const before = last.get(idOf(one.change))
    if (before === undefined || one.version > before.version) last.set(idOf(one.change), one)
  }
  return last
}

import { isDeepStrictEqual } from 'node:util'
import type { Film } from '../film.ts'
import type { Change } from './changes.ts'

/** A change that the log has called durable. */
export interface Acknowledged {
  readonly change: Change
  readonly version: bigint
}

/** A consumer as it was read back. */
export interface Reading {
  readonly consumer: string
  /** What it holds of each film, by key. */
  readonly films: ReadonlyMap<string, unknown>
  /** All that came to it, in that order. */
  readonly arrivals: readonly { readonly key: string; readonly version: bigint }[]
  /** What it should hold of a film; undefined for one that it has no place for. */
  contentOf(film: Film): unknown
}

/** Each finding is a sentence; a consumer is right if there is none. */
export interface Findings {
  /** Acknowledged changes that never came. */
  readonly lost: readonly string[]
  /** Changes that first came after a later one of their film. */
  readonly outOfOrder: readonly string[]
  /** Films that are not as their last change says. */
  readonly diverged: readonly string[]
}

/** Compares what a consumer holds, and how it came to hold it, with what was acknowledged. */
export function checkConsumer(reading: Reading, acknowledged: readonly Acknowledged[]): Findings {
  const { consumer } = reading
  const arrived = new Set(reading.arrivals.map(nameOf))
  return {
    lost: acknowledged
      .map(({ change: { key }, version }) => nameOf({ key, version }))
      .filter((name) => !arrived.has(name))
      .map((name) => `${name} never came to ${consumer}`),
    outOfOrder: overtaken(reading),
    diverged: diverged(reading, acknowledged),
  }
}

function overtaken({ consumer, arrivals }: Reading): string[] {
  const seen = new Set<string>()
  const highest = new Map<string, bigint>()
  const findings: string[] = []
  for (const arrival of arrivals) {
    const name = nameOf(arrival)
    // What comes again may do so at any time.
    if (seen.has(name)) continue
    seen.add(name)
    const before = highest.get(arrival.key) ?? 0n
    if (arrival.version < before) findings.push(`${name} came to ${consumer} after ${before}`)
    else highest.set(arrival.key, arrival.version)
  }
  return findings
}

function diverged(
  { consumer, films, contentOf }: Reading,
  acknowledged: readonly Acknowledged[],
): string[] {
  const last = new Map<string, Acknowledged>()
  for (const one of acknowledged) {
    if (one.version > (last.get(one.change.key)?.version ?? 0n)) last.set(one.change.key, one)
  }
  return [...new Set([...last.keys(), ...films.keys()])].flatMap((key) => {
    const change = last.get(key)?.change
    const should = change?.op === 'put' ? contentOf(change.film) : undefined
    const held = films.get(key)
    if (isDeepStrictEqual(held, should)) return []
    return [`${consumer} holds ${key} as ${JSON.stringify(held)}, not ${JSON.stringify(should)}`]
  })
}

function nameOf({ key, version }: { readonly key: string; readonly version: bigint }): string {
  return `${key}@${version}`
}

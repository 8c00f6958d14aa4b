import * as v from 'valibot'
import type { Target } from '../target/target.ts'
import { durationMs } from './quantity.ts'
import { byName, count, duration, name, positive } from './schema-parts.ts'
import { targetShape } from './shapes.ts'

const longestDriftMs = 86_400_000

const region = v.strictObject({ name, number: count(0, 15) })

const peer = v.pipe(
  v.strictObject({
    number: count(0, 15),
    target: v.optional(targetShape),
    targets: v.optional(byName(targetShape, 'must be an object of targets by name')),
  }),
  v.check(
    ({ target, targets }) => (target === undefined) !== (targets === undefined),
    'must have either a target or targets',
  ),
  v.check(
    ({ targets }) => targets === undefined || Object.keys(targets).length > 0,
    'must name at least one target',
  ),
)

const catchUp = v.strictObject({
  perSecond: v.optional(positive(), 10_000),
  behind: v.optional(duration, 60_000),
})

/** Regions that write the same keys. */
export const replication = v.strictObject({
  region: v.optional(region),
  peers: v.pipe(
    byName(peer, 'must be an object of peers by the name of their region'),
    v.check((peers) => Object.keys(peers).length > 0, 'must name at least one region'),
  ),
  maxDrift: v.optional(
    v.pipe(
      duration,
      v.minValue(1, 'must be at least 1 ms'),
      v.maxValue(longestDriftMs, 'must be at most a day'),
    ),
    1000,
  ),
  longestLag: v.optional(duration, durationMs('3d')),
  catchUp: v.optional(
    v.lazy((input) => (input === 'unlimited' ? v.literal('unlimited') : catchUp)),
    {},
  ),
})

export type ParsedReplication = v.InferOutput<typeof replication>
export type ParsedRegion = v.InferOutput<typeof region>

/** How a namespace is replicated, with every default filled in. */
export interface ResolvedReplication {
  readonly region: ParsedRegion
  readonly peers: ReadonlyMap<string, ResolvedPeer>
  readonly maxDriftMs: number
  readonly longestLagMs: number
  /** Undefined: as fast as its target takes them. */
  readonly catchUp: { readonly perSecond: number; readonly behindMs: number } | undefined
}

export interface ResolvedPeer {
  readonly number: number
  /** The names of its targets, among all those of the namespace. */
  readonly targets: readonly string[]
}

/** The targets of all peers, under the names that they have in the namespace. */
export function targetsOfPeers({ peers }: ParsedReplication): Readonly<Record<string, Target>> {
  return Object.fromEntries(
    Object.entries(peers).flatMap(([region, { target, targets }]) =>
      target === undefined
        ? Object.entries(targets ?? {}).map(([each, at]) => [`${region}.${each}`, at] as const)
        : [[region, target] as const],
    ),
  )
}

/** The names that the targets of a peer have in the namespace. */
export function namesOfTargets(
  peer: string,
  { target, targets = {} }: ParsedReplication['peers'][string],
): readonly string[] {
  return target ? [peer] : Object.keys(targets).map((each) => `${peer}.${each}`)
}

/** What was given, with what follows from it; `own` is the wal's region. */
export function resolveReplication(
  given: ParsedReplication,
  own: ParsedRegion,
): ResolvedReplication {
  const { region = own, peers, maxDrift, longestLag, catchUp } = given
  return {
    region,
    peers: new Map(
      Object.entries(peers).map(([name, peer]) => {
        return [name, { number: peer.number, targets: namesOfTargets(name, peer) }]
      }),
    ),
    maxDriftMs: maxDrift,
    longestLagMs: longestLag,
    catchUp:
      catchUp === 'unlimited'
        ? undefined
        : { perSecond: catchUp.perSecond, behindMs: catchUp.behind },
  }
}

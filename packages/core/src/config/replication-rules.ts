import type { ConfigIssue } from './config-error.ts'
import {
  namesOfTargets,
  type ParsedRegion,
  type ParsedReplication,
  targetsOfPeers,
} from './replication.ts'
import type { ParsedNamespace } from './schema.ts'

/** An option of the namespace, and what is wrong with it; undefined for nothing. */
type Found = readonly [option: string, reason: string] | undefined

/**
 * What is wrong between the options of a replicated namespace; `region` is the wal's, where one is
 * given, and `wrong` are the options that are wrong by themselves.
 */
export function replicationIssues(
  name: string,
  { replication, targets, delay, jitter, transactions }: ParsedNamespace,
  wrong: ReadonlySet<unknown>,
  region: ParsedRegion | undefined,
): ConfigIssue[] {
  if (replication === undefined || wrong.has('replication')) return []
  const own = replication.region ?? region
  const isDelayed = !wrong.has('delay') && !wrong.has('jitter') && delay + jitter > 0
  return [
    regionMissing(own),
    regionsDiffer(replication.region, region),
    ownAmongPeers(replication, own),
    numberShared(replication, own),
    targetNamedTwice(replication),
    wrong.has('targets') ? undefined : targetShared(replication, Object.keys(targets)),
    isDelayed && [delay > 0 ? 'delay' : 'jitter', delayedTwice],
    transactions !== undefined && transacted,
  ].flatMap((found) => {
    if (!found) return []
    const [option, reason] = found
    return [{ path: `namespaces.${name}.${option}`, reason }]
  })
}

const delayedTwice =
  'every region would delay once more what comes from another; let each write say its delay'

const transacted: Found = [
  'transactions',
  'are not replicated: a peer would take their mutations one by one. Use a namespace without replication',
]

function regionMissing(own: ParsedRegion | undefined): Found {
  if (own !== undefined) return undefined
  return ['replication.region', "is missing: give it, or the wal's region"]
}

function regionsDiffer(region: ParsedRegion | undefined, ofWal: ParsedRegion | undefined): Found {
  if (region === undefined || ofWal === undefined) return undefined
  if (region.name === ofWal.name && region.number === ofWal.number) return undefined
  const reason = `is ${shown(region)}, and the wal's region is ${shown(ofWal)}: leave one of them out`
  return ['replication.region', reason]
}

function ownAmongPeers({ peers }: ParsedReplication, own: ParsedRegion | undefined): Found {
  if (own === undefined || !Object.hasOwn(peers, own.name)) return undefined
  return [`replication.peers.${own.name}`, 'is this region itself: leave it out']
}

function numberShared({ peers }: ParsedReplication, own: ParsedRegion | undefined): Found {
  const byNumber = new Map<number, string>(own && [[own.number, own.name]])
  for (const [name, { number }] of Object.entries(peers)) {
    const other = byNumber.get(number)
    if (other !== undefined && other !== name) {
      const reason = `is that of '${other}' as well: versions of regions that share one may tie`
      return [`replication.peers.${name}.number`, reason]
    }
    byNumber.set(number, name)
  }
  return undefined
}

/** A region's name may have a dot, too. */
function targetNamedTwice({ peers }: ParsedReplication): Found {
  const byTarget = new Map<string, string>()
  for (const [name, peer] of Object.entries(peers)) {
    for (const target of namesOfTargets(name, peer)) {
      const other = byTarget.get(target)
      if (other === undefined) byTarget.set(target, name)
      else {
        const reason = `has a target '${target}', and '${other}' has one of that name: call one otherwise`
        return [`replication.peers.${name}`, reason]
      }
    }
  }
  return undefined
}

function targetShared(replication: ParsedReplication, own: readonly string[]): Found {
  const found = Object.keys(targetsOfPeers(replication)).find((name) => own.includes(name))
  if (found === undefined) return undefined
  const reason = `is the name of a peer's target as well: call this one otherwise`
  return [`targets.${found}`, reason]
}

function shown({ name, number }: ParsedRegion): string {
  return `${name} (${number})`
}

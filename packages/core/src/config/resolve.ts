import { resolve as resolvePath } from 'node:path'
import * as v from 'valibot'
import { acrossOptions, sharedObjects } from './across-options.ts'
import { ConfigError, type ConfigIssue } from './config-error.ts'
import {
  type ParsedRegion,
  type ResolvedReplication,
  resolveReplication,
  targetsOfPeers,
} from './replication.ts'
import {
  defaultShard,
  type ParsedNamespace,
  type ParsedOptions,
  type ParsedShard,
  walOptionsSchema,
} from './schema.ts'

/** A namespace's options, checked, with every default filled in. */
export type ResolvedNamespace = Omit<ParsedNamespace, 'replication'> & {
  readonly name: string
  /** The targets of its peers are among `targets`. */
  readonly replication?: ResolvedReplication | undefined
}

/** The options of a wal, checked as a whole. */
export interface ResolvedOptions {
  readonly directory: string | undefined
  readonly region: ParsedRegion
  readonly shards: ReadonlyMap<string, ParsedShard>
  readonly namespaces: readonly ResolvedNamespace[]
}

/**
 * Checks a configuration whole and fills in its defaults. Throws a {@link ConfigError} that lists
 * every mistake, so that nobody mends one only to meet the next.
 */
export function resolveOptions(options: unknown): ResolvedOptions {
  const parsed = v.safeParse(walOptionsSchema, options)
  const found = parsed.issues ?? []
  const issues = [...found.map(issueOf), ...acrossAll(parsed.output, found)]
  if (!parsed.success || issues.length > 0) throw new ConfigError(issues)
  const { directory, region = localRegion, shards, namespaces } = parsed.output
  return {
    directory: directory === undefined ? undefined : resolvePath(directory),
    region,
    shards: new Map([['default', defaultShard], ...Object.entries(shards)]),
    namespaces: Object.entries(namespaces).map(([name, namespace]) =>
      resolveNamespace(name, namespace, region),
    ),
  }
}

/** The region of a wal that says none. */
export const localRegion: ParsedRegion = { name: 'local', number: 0 }

function resolveNamespace(
  name: string,
  { replication, ...options }: ParsedNamespace,
  region: ParsedRegion,
): ResolvedNamespace {
  if (replication === undefined) return { ...options, name }
  const targets = { ...options.targets, ...targetsOfPeers(replication) }
  return { ...options, name, targets, replication: resolveReplication(replication, region) }
}

/** What is wrong between options, as far as those can be told that are not wrong by themselves. */
function acrossAll(output: unknown, found: readonly v.BaseIssue<unknown>[]): ConfigIssue[] {
  const places = found.map(({ path }) => (path ?? []).map(({ key }) => key))
  if (places.some(([option, name]) => !option || (option === 'namespaces' && !name))) return []
  const { directory, region, shards, namespaces } = output as ParsedOptions
  const shared = {
    directory: places.some(([option]) => option === 'directory') ? '' : directory,
    shards: Object.keys(shards ?? {}),
    region,
  }
  const placesIn = (name: string) =>
    places.filter((place) => place[0] === 'namespaces' && place[1] === name)
  // Nothing can be said of a namespace that is none.
  const whole = Object.entries(namespaces ?? {}).filter(
    ([name]) => !placesIn(name).some((place) => place.length === 2),
  )
  return [
    ...whole.flatMap(([name, namespace]) => {
      const wrong = new Set(placesIn(name).map((place) => place[2]))
      return acrossOptions(name, namespace, wrong, shared)
    }),
    ...sharedObjects(Object.fromEntries(whole)),
  ]
}

function issueOf(issue: v.BaseIssue<unknown>): ConfigIssue {
  const path = v.getDotPath(issue) ?? '(options)'
  return { path, reason: issue.expected === 'never' ? 'is not an option' : reasonOf(issue) }
}

function reasonOf(issue: v.BaseIssue<unknown>): string {
  return issue.received === 'undefined' ? `is missing: ${issue.message}` : issue.message
}

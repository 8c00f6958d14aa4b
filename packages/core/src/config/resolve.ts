import { resolve as resolvePath } from 'node:path'
import * as v from 'valibot'
import { ConfigError, type ConfigIssue } from './config-error.ts'
import {
  defaultShard,
  type ParsedNamespace,
  type ParsedOptions,
  type ParsedShard,
  walOptionsSchema,
} from './schema.ts'

/** A namespace's options, checked, with every default filled in. */
export type ResolvedNamespace = ParsedNamespace & { readonly name: string }

/** The options of a wal, checked as a whole. */
export interface ResolvedOptions {
  readonly directory: string | undefined
  readonly region: ParsedOptions['region']
  readonly shards: ReadonlyMap<string, ParsedShard>
  readonly namespaces: readonly ResolvedNamespace[]
}

/**
 * Checks a configuration whole and fills in its defaults. Throws a {@link ConfigError} that lists
 * every mistake, so that nobody mends one only to meet the next.
 */
export function resolveOptions(options: unknown): ResolvedOptions {
  const parsed = v.safeParse(walOptionsSchema, options)
  if (!parsed.success) throw new ConfigError(parsed.issues.map(issueOf))
  const namespaces = Object.entries(parsed.output.namespaces).map(([name, namespace]) => ({
    ...namespace,
    name,
  }))
  const issues = namespaces.flatMap((namespace) => acrossOptions(namespace, parsed.output))
  if (issues.length > 0) throw new ConfigError(issues)
  const { directory, region, shards } = parsed.output
  return {
    directory: directory === undefined ? undefined : resolvePath(directory),
    region,
    shards: new Map([['default', defaultShard], ...Object.entries(shards)]),
    namespaces,
  }
}

/** What can only be seen by looking at several options together. */
function acrossOptions(namespace: ResolvedNamespace, options: ParsedOptions): ConfigIssue[] {
  const issues: ConfigIssue[] = []
  const issue = (option: string, reason: string): void => {
    issues.push({ path: `namespaces.${namespace.name}.${option}`, reason })
  }
  const { queue, order, shard, deadLetters, onDeadLetter, delay, jitter, limits, targets } =
    namespace
  if (shard !== 'default' && !(shard in options.shards)) {
    issue(
      'shard',
      `'${shard}' is not one of \`shards\` (${Object.keys(options.shards).join(', ')})`,
    )
  }
  if (queue === undefined && options.directory === undefined) {
    issue('queue', 'is missing: give a queue, or a `directory` for the embedded file log')
  }
  if (queue !== undefined && order === 'key' && queue.supports.order === 'none') {
    issue('order', `a ${queue.kind} queue keeps no order; say order: 'none'`)
  }
  if (queue?.supports.independentReaders === false && Object.keys(targets).length > 1) {
    issue('targets', `a ${queue.kind} queue has one reader; give each target a namespace`)
  }
  if (queue !== undefined && delay + jitter > queue.supports.longestDelayMs) {
    issue('delay', `a ${queue.kind} queue delays by ${queue.supports.longestDelayMs} ms at most`)
  }
  if (
    onDeadLetter === 'block' &&
    deadLetters === undefined &&
    queue?.supports.deadLetterListing === false
  ) {
    issue(
      'onDeadLetter',
      `'block' reads the dead letters, which a ${queue.kind} queue cannot list; give deadLetters`,
    )
  }
  if (onDeadLetter === 'block' && order === 'none') {
    issue(
      'onDeadLetter',
      "'block' holds a key back, and without order no key is held; say order: 'key'",
    )
  }
  if (onDeadLetter === 'block' && deadLetters === 'off') {
    issue('onDeadLetter', "'block' waits for a dead letter, and deadLetters is 'off'")
  }
  if (delay + jitter > limits.longestDelay) {
    issue('delay', `with jitter it is ${delay + jitter} ms, longer than limits.longestDelay`)
  }
  return issues
}

function issueOf(issue: v.BaseIssue<unknown>): ConfigIssue {
  const path = v.getDotPath(issue) ?? '(options)'
  return { path, reason: issue.expected === 'never' ? 'is not an option' : reasonOf(issue) }
}

function reasonOf(issue: v.BaseIssue<unknown>): string {
  return issue.received === 'undefined' ? `is missing: ${issue.message}` : issue.message
}

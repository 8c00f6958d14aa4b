import type { ConfigIssue } from './config-error.ts'
import { type ParsedRegion, targetsOfPeers } from './replication.ts'
import { replicationIssues } from './replication-rules.ts'
import type { ParsedNamespace } from './schema.ts'

/** What the namespaces of one wal have in common. */
export interface SharedOptions {
  readonly directory: string | undefined
  readonly shards: readonly string[]
  /** Undefined where none is given. */
  readonly region: ParsedRegion | undefined
}

type Option = keyof ParsedNamespace

/** What can only be seen by looking at several options together. */
interface Rule {
  /** The option it speaks of. */
  readonly at: Option | ((namespace: ParsedNamespace) => Option)
  /** The options it looks at: it has nothing to say where one of them is wrong by itself. */
  readonly reads: readonly Option[]
  /** What is wrong, or undefined. */
  check(namespace: ParsedNamespace, shared: SharedOptions): string | undefined | false
}

const rules: readonly Rule[] = [
  {
    at: 'shard',
    reads: ['shard'],
    check: ({ shard }, { shards }) =>
      shard !== 'default' &&
      !shards.includes(shard) &&
      `'${shard}' is not one of \`shards\` (${shards.join(', ')})`,
  },
  {
    at: 'queue',
    reads: ['queue'],
    check: ({ queue }, { directory }) =>
      queue === undefined &&
      directory === undefined &&
      'is missing: give a queue, or a `directory` for the embedded file log',
  },
  {
    at: 'order',
    reads: ['queue', 'order'],
    check: ({ queue, order }) =>
      order === 'key' &&
      queue?.supports.order === 'none' &&
      `a ${queue.kind} queue keeps no order; say order: 'none'`,
  },
  {
    at: 'targets',
    reads: ['queue', 'targets', 'replication'],
    check: ({ queue, targets, replication }) =>
      queue?.supports.independentReaders === false &&
      Object.keys({ ...targets, ...(replication && targetsOfPeers(replication)) }).length > 1 &&
      `a ${queue.kind} queue has one reader; give each target a namespace, or a queue of its own where the adapter takes several`,
  },
  {
    at: ({ delay, queue }) => (delay > (queue?.supports.longestDelayMs ?? 0) ? 'delay' : 'jitter'),
    reads: ['queue', 'delay', 'jitter'],
    check: ({ queue, delay, jitter }) =>
      queue !== undefined &&
      delay + jitter > queue.supports.longestDelayMs &&
      `a ${queue.kind} queue delays by ${queue.supports.longestDelayMs} ms at most; delay and jitter come to ${delay + jitter} ms`,
  },
  {
    at: ({ delay, limits }) => (delay > limits.longestDelay ? 'delay' : 'jitter'),
    reads: ['delay', 'jitter', 'limits'],
    check: ({ delay, jitter, limits }) =>
      delay + jitter > limits.longestDelay &&
      `delay and jitter come to ${delay + jitter} ms, longer than limits.longestDelay`,
  },
  {
    at: 'onDeadLetter',
    reads: ['onDeadLetter', 'deadLetters', 'queue'],
    check: ({ onDeadLetter, deadLetters, queue }) =>
      onDeadLetter === 'block' &&
      deadLetters === undefined &&
      queue?.supports.deadLetterListing === false &&
      `'block' reads the dead letters, which a ${queue.kind} queue cannot list; give deadLetters`,
  },
  {
    at: 'onDeadLetter',
    reads: ['onDeadLetter', 'deadLetters'],
    check: ({ onDeadLetter, deadLetters }) =>
      onDeadLetter === 'block' &&
      deadLetters !== undefined &&
      deadLetters !== 'off' &&
      deadLetters.supports?.listing === false &&
      "'block' reads every dead letter, which this deadLetters cannot list; keep them in a store",
  },
  {
    at: 'onDeadLetter',
    reads: ['onDeadLetter', 'order'],
    check: ({ onDeadLetter, order }) =>
      onDeadLetter === 'block' &&
      order === 'none' &&
      "'block' holds a key back, and without order no key is held; say order: 'key'",
  },
  {
    at: 'transactions',
    reads: ['transactions', 'queue'],
    check: ({ transactions, queue }) =>
      transactions !== undefined &&
      transactions.store === undefined &&
      queue !== undefined &&
      queue.transactions === undefined &&
      `a ${queue.kind} queue has no place for their mutations; give transactions.store`,
  },
  {
    at: 'transactions',
    reads: ['transactions', 'onDeadLetter'],
    check: ({ transactions, onDeadLetter }) =>
      transactions !== undefined &&
      onDeadLetter === 'block' &&
      "a parked one holds no keys back; say onDeadLetter: 'continue'",
  },
  {
    at: 'transactions',
    reads: ['transactions', 'deadLetters'],
    check: ({ transactions, deadLetters }) =>
      transactions !== undefined &&
      deadLetters === 'off' &&
      "one that fails would stay half applied, with nobody told; have dead letters, not 'off'",
  },
  {
    at: 'transactions',
    reads: ['transactions', 'delay', 'jitter'],
    check: ({ transactions, delay, jitter }) =>
      transactions !== undefined &&
      delay + jitter > 0 &&
      'are not delayed; give delayed records a namespace of their own',
  },
  {
    at: 'onDeadLetter',
    reads: ['onDeadLetter', 'deadLetters'],
    check: ({ onDeadLetter, deadLetters }) =>
      onDeadLetter === 'block' &&
      deadLetters === 'off' &&
      "'block' waits for a dead letter, and deadLetters is 'off'",
  },
]

/** What is wrong between the options of a namespace, `wrong` being those that are wrong alone. */
export function acrossOptions(
  name: string,
  namespace: ParsedNamespace,
  wrong: ReadonlySet<unknown>,
  shared: SharedOptions,
): ConfigIssue[] {
  const found = rules
    .filter(({ reads }) => !reads.some((option) => wrong.has(option)))
    .flatMap(({ at, check }) => {
      const reason = check(namespace, shared)
      const option = typeof at === 'string' ? at : at(namespace)
      return reason ? [{ path: `namespaces.${name}.${option}`, reason }] : []
    })
  return [...found, ...replicationIssues(name, namespace, wrong, shared.region)]
}

interface ParsedStorage {
  readonly queue?: unknown
  readonly transactions?: { readonly store?: unknown } | undefined
}

/** What is wrong with namespaces that have the same queue, or store of transactions: each would take what is the other's. */
export function sharedObjects(namespaces: Readonly<Record<string, ParsedStorage>>): ConfigIssue[] {
  return [
    ...sharedBy(namespaces, 'queue', 'queue', ({ queue }) => queue),
    ...sharedBy(namespaces, 'transactions.store', 'store', (one) => one.transactions?.store),
  ]
}

function sharedBy(
  namespaces: Readonly<Record<string, ParsedStorage>>,
  option: string,
  what: string,
  of: (namespace: ParsedStorage) => unknown,
): ConfigIssue[] {
  const owners = new Map<object, string>()
  return Object.entries(namespaces).flatMap(([name, namespace]) => {
    const object = of(namespace)
    if (typeof object !== 'object' || object === null) return []
    const owner = owners.get(object)
    owners.set(object, owner ?? name)
    const reason = `is that of namespaces.${owner} as well; give each a ${what} of its own`
    return owner === undefined ? [] : [{ path: `namespaces.${name}.${option}`, reason }]
  })
}

/** What is wrong with queues that are several, and lie in the same place; by the names of their namespaces. */
export function sharedStorage(
  queues: Iterable<readonly [string, { storage?(): readonly string[] } | undefined]>,
): ConfigIssue[] {
  const owners = new Map<string, string>()
  return [...queues].flatMap(([name, queue]) => {
    const places = queue?.storage?.() ?? []
    const shared = places.find((place) => owners.has(place))
    const owner = shared === undefined ? undefined : owners.get(shared)
    for (const place of places) owners.set(place, name)
    const reason = `lies in ${shared}, as that of namespaces.${owner} does; give each a place of its own`
    return owner === undefined ? [] : [{ path: `namespaces.${name}.queue`, reason }]
  })
}

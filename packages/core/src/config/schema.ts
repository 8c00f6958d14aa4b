import * as v from 'valibot'
import { durationMs, sizeBytes } from './quantity.ts'
import { replication } from './replication.ts'
import {
  byName,
  count,
  duration,
  name,
  oneOf,
  orUnlimited,
  positive,
  size,
} from './schema-parts.ts'
import {
  clockShape,
  codecShape,
  deadLettersShape,
  payloadShape,
  queueShape,
  randomShape,
  targetShape,
  transactionStoreShape,
} from './shapes.ts'

/** 0 reads as "none" to many, and would give up everything at once. */
const timeout = v.pipe(
  duration,
  v.minValue(1, 'must be at least 1 ms; for a wait of any length give a long one, such as 24h'),
)

const retry = v.pipe(
  v.strictObject({
    maxAttempts: v.optional(count(1, 1000), 8),
    minDelay: v.optional(duration, 200),
    maxDelay: v.optional(duration, 300_000),
  }),
  v.forward(
    v.check(({ minDelay, maxDelay }) => minDelay <= maxDelay, 'must not be below minDelay'),
    ['maxDelay'],
  ),
)

const batch = v.strictObject({
  maxRecords: v.optional(count(1, 10_000), 500),
  maxBytes: v.optional(size, 1024 ** 2),
  linger: v.optional(duration),
})

const breaker = v.pipe(
  v.strictObject({
    failures: v.optional(count(2, 100_000), 10),
    minOpen: v.optional(duration, 1000),
    maxOpen: v.optional(duration, 30_000),
  }),
  v.forward(
    v.check(({ minOpen, maxOpen }) => minOpen <= maxOpen, 'must not be below minOpen'),
    ['maxOpen'],
  ),
)

const rateLimit = v.pipe(
  v.strictObject({ perSecond: positive(), burst: v.optional(positive()) }),
  v.transform(({ perSecond, burst }) => ({
    perSecond,
    burst: burst ?? Math.max(1, perSecond),
  })),
)

const limits = v.strictObject({
  inFlightBytes: v.optional(size, 64 * 1024 ** 2),
  payloadBytes: v.optional(size, 64 * 1024 ** 2),
  longestDelay: v.optional(duration, 366 * 86_400_000),
  heldRecords: v.optional(count(1, 10_000_000), 100_000),
  heldBytes: v.optional(size, 64 * 1024 ** 2),
  heldFor: v.optional(timeout),
})

const retention = v.strictObject({
  time: v.optional(orUnlimited(durationMs), 7 * 86_400_000),
  bytes: v.optional(orUnlimited(sizeBytes), 1024 ** 3),
})

const transactions = v.strictObject({
  store: v.optional(transactionStoreShape),
  openFor: v.optional(timeout, 3_600_000),
  keep: v.optional(duration, 3_600_000),
  maxMutations: v.optional(count(1, 1_000_000), 10_000),
  maxBytes: v.optional(size, 256 * 1024 ** 2),
})

const namespace = v.strictObject({
  persona: v.optional(v.string()),
  payload: v.optional(payloadShape),
  queue: v.optional(queueShape),
  targets: v.pipe(
    byName(targetShape, 'must be an object of targets by name'),
    v.check((targets) => Object.keys(targets).length > 0, 'must name at least one target'),
  ),
  order: v.optional(oneOf('key', 'none'), 'key'),
  onDeadLetter: v.optional(oneOf('continue', 'block'), 'continue'),
  retry: v.optional(retry, {}),
  batch: v.optional(batch, {}),
  concurrency: v.optional(count(1, 1024), 4),
  applyTimeout: v.optional(timeout, 30_000),
  writeTimeout: v.optional(timeout, 30_000),
  breaker: v.optional(breaker, {}),
  rateLimit: v.optional(rateLimit),
  delay: v.optional(duration, 0),
  jitter: v.optional(duration, 0),
  limits: v.optional(limits, {}),
  retention: v.optional(retention, {}),
  overload: v.optional(oneOf('wait', 'shed'), 'wait'),
  codec: v.optional(codecShape),
  deadLetters: v.optional(deadLettersShape),
  transactions: v.optional(transactions),
  replication: v.optional(replication),
  shard: v.optional(name, 'default'),
})

const shard = v.strictObject({
  inFlightBytes: v.optional(size, 256 * 1024 ** 2),
  concurrency: v.optional(count(1, 4096), 64),
})

/** The whole of `createWal`'s options, durations as ms and sizes as bytes, defaults filled in. */
export const walOptionsSchema = v.strictObject({
  directory: v.optional(
    v.pipe(
      v.string('must be a path'),
      v.nonEmpty('must not be empty'),
      v.check((path) => !path.includes('\0'), 'must not hold a zero character'),
    ),
  ),
  region: v.optional(
    v.strictObject({
      name: v.optional(name, 'local'),
      number: v.optional(count(0, 15), 0),
    }),
  ),
  shards: v.optional(byName(shard, 'must be an object of shards by name'), {}),
  namespaces: v.pipe(
    byName(namespace, 'must be an object of namespaces by name'),
    v.check(
      (all) => Object.keys(all).length > 0,
      'must have a namespace: there is none to write to',
    ),
  ),
  clock: v.optional(clockShape),
  random: v.optional(randomShape),
})

/** Options with every default filled in. */
export type ParsedOptions = v.InferOutput<typeof walOptionsSchema>
export type ParsedNamespace = ParsedOptions['namespaces'][string]
export type ParsedShard = v.InferOutput<typeof shard>

/** The shard of namespaces that name none. */
export const defaultShard: ParsedShard = v.parse(shard, {})

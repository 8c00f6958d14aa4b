import { setImmediate } from 'node:timers/promises'
import {
  type ApplyContext,
  applied,
  type FailureOutcome,
  type FetchPayloads,
  fetchingTarget,
  type Outcome,
  orAborted,
  permanent,
  superseded,
  type Target,
  transient,
  unavailable,
  WalError,
  type WalRecord,
} from '@daybook/core'
import { callOf, keysOf, mergeOf } from './redis-change.ts'
import { redisOutcome } from './redis-errors.ts'
import { type RedisSettings, type RedisTargetOptions, resolveOptions } from './redis-options.ts'
import { probeKeys, readHeld, runScript } from './redis-script.ts'

/** A Redis target whose records carry the key alone, and whose values are fetched as they are applied. */
export function redisTarget<P = unknown>(
  options: RedisTargetOptions<P> & { readonly fetch: FetchPayloads<P> },
): Target<unknown>
/**
 * Redis, or what speaks its protocol, as a target. Each value is a plain string that any client can
 * `GET`; its version lies beside it, in the same slot, and a script compares and sets both in one step.
 *
 * Idempotency is `'version'`, for as long as Redis keeps the version: with an eviction policy over all
 * keys it may drop it early, and the guard of that key with it.
 *
 * @throws WalError `ERR_CONFIG` if an option is wrong
 *
 * @example
 * const cache = redisTarget<Title>({ client, key: (id) => `title:${id}`, ttlMs: 3_600_000 })
 */
export function redisTarget<P = unknown>(options: RedisTargetOptions<P>): Target<P>
/** Of either kind, by whether there is a `fetch`. */
export function redisTarget<P>(options: RedisTargetOptions<P>): Target<P> | Target<unknown> {
  const target = new RedisTarget(resolveOptions(options)) as Target<P>
  return options.fetch === undefined ? target : fetchingTarget(target, options.fetch)
}

/** How often a merge is tried whose value somebody else changes meanwhile. */
const mostMerges = 5

class RedisTarget implements Target<unknown> {
  readonly idempotency = 'version'
  readonly ops: Target['ops']
  /** Patches are merged field by field, whichever comes first. */
  readonly guardsFields: boolean
  readonly #settings: RedisSettings
  /**
   * The key that was unavailable last. In a cluster it may be one node that is gone, and a `PING` goes
   * to any; so its own node is asked whether it is back.
   */
  #missed: string | undefined

  constructor(settings: RedisSettings) {
    this.#settings = settings
    this.ops = settings.patch === undefined ? ['put', 'delete'] : ['put', 'patch', 'delete']
    this.guardsFields = settings.patch === 'merge'
  }

  /** One call for each record, all sent at once: the client pipelines them, for a cluster by node. */
  async apply(records: readonly WalRecord[], { signal }: ApplyContext): Promise<Outcome[]> {
    if (signal.aborted) return records.map(() => aborted)
    if (!this.#settings.connection.isReady()) return records.map(() => notConnected)
    const outcomes = await this.#whileConnected(signal, (settle) =>
      records.map((record) => settle(this.#applyOne(record))),
    )
    const missed = outcomes.findLastIndex(({ status }) => status === 'unavailable')
    if (missed !== -1) this.#missed = records[missed]?.key
    return outcomes
  }

  validate(record: WalRecord): string | undefined {
    try {
      keysOf(record.key, this.#settings)
    } catch (refusal) {
      return redisOutcome(refusal).message
    }
    const isEmpty = record.op === 'put' && record.payload === undefined
    return isEmpty ? 'There is no payload to put.' : undefined
  }

  async read(key: string, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
    const { connection, value } = this.#settings
    const [name] = keysOf(key, this.#settings)
    if (!connection.isReady()) throw errorOf(notConnected)
    const held = await orAborted(connection.get(name), signal)
    if (held === null || held === undefined) return undefined
    return value === undefined ? JSON.parse(String(held)) : held
  }

  /** For as long as a tombstone stays. */
  remembersDeletesMs(): number {
    return this.#settings.tombstoneMs
  }

  /** What is wrong with one key is nothing wrong with the server. */
  async health({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    if (!this.#settings.connection.isReady()) throw errorOf(notConnected)
    const [outcome] = await this.#whileConnected(signal, (settle) => [settle(this.#probe())])
    const isOfKey = outcome?.status === 'permanent' || outcome?.status === 'held'
    if (outcome !== undefined && 'code' in outcome && !isOfKey) throw errorOf(outcome)
    this.#missed = undefined
  }

  async open(): Promise<void> {
    await this.#settings.connection.ping()
    // node-redis says that it is ready a moment after the first answer.
    await setImmediate()
  }

  async #probe(): Promise<Outcome> {
    const { connection } = this.#settings
    if (this.#missed === undefined) await connection.ping()
    else await probeKeys(connection, keysOf(this.#missed, this.#settings))
    return applied
  }

  async #applyOne(record: WalRecord): Promise<Outcome> {
    const { connection, patch } = this.#settings
    if (record.op === 'patch' && patch === undefined) return patchRefused
    if (record.op === 'patch' && patch === 'merge') return this.#merge(record)
    const answer = await runScript(connection, callOf(record, this.#settings))
    if (answer === 'merge') return this.#merge(record)
    return answer === 'superseded' ? superseded : applied
  }

  /** Reads, merges here, and sets if nothing changed meanwhile: JSON by Lua is not the same JSON. */
  async #merge(record: WalRecord): Promise<Outcome> {
    const { connection } = this.#settings
    for (let tries = 0; tries < mostMerges; tries++) {
      const keys = keysOf(record.key, this.#settings)
      const next = mergeOf(record, await readHeld(connection, keys), this.#settings)
      if ('status' in next) return next
      if ((await runScript(connection, next)) === 'applied') return applied
    }
    return transient('contended', 'Others keep changing the value while a change is merged.')
  }

  /**
   * Settles each when it is answered, the signal aborts or the connection breaks. What was sent
   * may still be applied by then: its version keeps that from doing harm.
   */
  async #whileConnected(
    signal: AbortSignal,
    start: (settle: (answer: Promise<Outcome>) => Promise<Outcome>) => Promise<Outcome>[],
  ): Promise<Outcome[]> {
    const ends: (() => void)[] = []
    const end = new Promise<Outcome>((resolve) => {
      const abort = (): void => resolve(aborted)
      signal.addEventListener('abort', abort)
      ends.push(() => signal.removeEventListener('abort', abort))
      ends.push(this.#settings.connection.onBroken(() => resolve(broken)))
    })
    try {
      return await Promise.all(start((answer) => Promise.race([answer.catch(redisOutcome), end])))
    } finally {
      for (const stop of ends) stop()
    }
  }
}

const patchRefused = permanent('unsupported_op', 'This target takes no patch without `patch`.')
const aborted = transient('aborted', 'The apply was given up before Redis answered.')
const broken = unavailable('connection', 'The connection broke before Redis answered.')
const notConnected = unavailable(
  'not_connected',
  'The client has no connection. See that its connect() was called, and its error events.',
)

function errorOf({ message, cause }: Pick<FailureOutcome, 'message' | 'cause'>): WalError {
  return new WalError('ERR_UNAVAILABLE', message, { retryable: true, cause })
}

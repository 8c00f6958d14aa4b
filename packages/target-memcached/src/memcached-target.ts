import {
  type ApplyContext,
  applied,
  type FailureOutcome,
  type FetchPayloads,
  fetchingTarget,
  held,
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
import { itemOf, mergedItemOf, type NewItem, valueOfPut } from './memcached-change.ts'
import { type Envelope, envelopeOf, memcachedValue } from './memcached-envelope.ts'
import { isOfConnection, memcachedOutcome } from './memcached-errors.ts'
import { itemKeyOf } from './memcached-keys.ts'
import {
  type MemcachedSettings,
  type MemcachedTargetOptions,
  resolveOptions,
} from './memcached-options.ts'

/** A memcached target whose records carry the key alone, and whose values are fetched as they are applied. */
export function memcachedTarget<P = unknown>(
  options: MemcachedTargetOptions<P> & { readonly fetch: FetchPayloads<P> },
): Target<unknown>
/**
 * memcached as a target. Each item is the JSON of its payload behind a version that is written in
 * white space, so that any reader of JSON finds its value; a key that was deleted holds `null`. It is
 * read, compared and set on condition that it has not changed meanwhile (CAS).
 *
 * Idempotency is `'version'`, for as long as memcached holds the item: it drops what it has no
 * room for, and all when it is restarted, and the guard of these keys with it.
 *
 * @throws WalError `ERR_CONFIG` if an option is wrong
 *
 * @example
 * const cache = memcachedTarget<Title>({ client: new Memcache({ nodes: ['cache-1:11211'] }) })
 */
export function memcachedTarget<P = unknown>(options: MemcachedTargetOptions<P>): Target<P>
/** Of either kind, by whether there is a `fetch`. */
export function memcachedTarget<P>(
  options: MemcachedTargetOptions<P>,
): Target<P> | Target<unknown> {
  const target = new MemcachedTarget(resolveOptions(options)) as Target<P>
  return options.fetch === undefined ? target : fetchingTarget(target, options.fetch)
}

/** How often an item is read again that somebody else changes meanwhile. */
const mostReads = 8

class MemcachedTarget implements Target<unknown> {
  readonly idempotency = 'version'
  readonly ops: Target['ops']
  /** Patches are merged field by field, whichever comes first. */
  readonly guardsFields: boolean
  readonly #settings: MemcachedSettings
  /** The key that a server answered last, and would have nothing to do with: that others answer says little. */
  #refused: string | undefined

  constructor(settings: MemcachedSettings) {
    this.#settings = settings
    this.ops = settings.patch === undefined ? ['put', 'delete'] : ['put', 'patch', 'delete']
    this.guardsFields = settings.patch === 'merge'
  }

  /** All records at once: the client pipelines what they read, and then what they store. */
  async apply(records: readonly WalRecord[], { signal }: ApplyContext): Promise<Outcome[]> {
    if (signal.aborted) return records.map(() => aborted)
    return untilAborted(
      signal,
      records.map((record) => this.#answerTo(record, signal)),
    )
  }

  validate(record: WalRecord): string | undefined {
    try {
      const key = itemKeyOf(record.key, this.#settings.key)
      if (record.op !== 'put') return undefined
      if (record.payload === undefined) return 'There is no payload to put.'
      itemOf(record, key, valueOfPut(record, this.#settings), this.#settings)
      return undefined
    } catch (refusal) {
      return memcachedOutcome(refusal).message
    }
  }

  async read(key: string, { signal }: { readonly signal: AbortSignal }): Promise<unknown> {
    const { connection, value: custom } = this.#settings
    const item = await orAborted(connection.gets(itemKeyOf(key, this.#settings.key)), signal)
    const held = item && memcachedValue(item.value).value
    if (held === undefined || custom !== undefined) return held
    return JSON.parse(typeof held === 'string' ? held : new TextDecoder().decode(held))
  }

  /** For as long as a tombstone stays. */
  remembersDeletesMs(): number {
    return this.#settings.tombstoneMs
  }

  async health({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const ping = async (): Promise<Outcome> => {
      await this.#probe()
      this.#refused = undefined
      return applied
    }
    const [outcome] = await untilAborted(signal, [ping().catch(memcachedOutcome)])
    if (outcome !== undefined && 'code' in outcome) throw errorOf(outcome)
  }

  async open(): Promise<void> {
    await this.#settings.connection.ping()
  }

  /** A server that refused, and is away by now, is one of those whose records are held. */
  async #probe(): Promise<void> {
    const { connection } = this.#settings
    try {
      await (this.#refused === undefined ? connection.ping() : connection.gets(this.#refused))
    } catch (error) {
      if (!isOfConnection(memcachedOutcome(error))) throw error
      await connection.ping()
    }
  }

  async #answerTo(record: WalRecord, signal: AbortSignal): Promise<Outcome> {
    try {
      return await this.#applyOne(record, signal)
    } catch (error) {
      return this.#failureOf(record, memcachedOutcome(error))
    }
  }

  /** One server of several that is away holds its own keys back, and nobody else's. */
  async #failureOf(record: WalRecord, failure: FailureOutcome): Promise<Outcome> {
    const { connection } = this.#settings
    if (failure.status !== 'unavailable') return failure
    const key = itemKeyOf(record.key, this.#settings.key)
    // How long one server is waited for is not how long all are.
    const { code, message, cause, retryAfterMs } = failure
    if (!isOfConnection(failure)) this.#refused = key
    else if (await connection.othersAnswer?.(key)) {
      // Only where the server was not even asked is it said for how long to wait.
      const untried = retryAfterMs !== undefined
      return held(code, message, { cause, retryAfterMs, part: connection.serverOf?.(key), untried })
    }
    return unavailable(code, message, { cause })
  }

  async #applyOne(record: WalRecord, signal: AbortSignal): Promise<Outcome> {
    const { connection, patch } = this.#settings
    if (record.op === 'patch' && patch === undefined) return patchRefused
    const key = itemKeyOf(record.key, this.#settings.key)
    // Made before anything is read: what cannot be stored must not cost a look.
    const merges = record.op === 'patch' && patch === 'merge'
    const item = merges
      ? undefined
      : itemOf(record, key, valueOfPut(record, this.#settings), this.#settings)
    for (let reads = 0; reads < mostReads && !signal.aborted; reads++) {
      const held = await connection.gets(key)
      const envelope: Envelope = held ? envelopeOf(held.value) : nothing
      if (envelope.isLater) return later(key)
      const next = this.#nextOf(record, key, item, envelope)
      if ('status' in next) return next
      if (signal.aborted) break
      if (await connection.store({ key, ...next, cas: held?.cas })) return applied
    }
    return signal.aborted ? aborted : contended
  }

  /** `item` is what it puts where it is newer than all that is held. */
  #nextOf(
    record: WalRecord,
    key: string,
    item: NewItem | undefined,
    envelope: Envelope,
  ): NewItem | Outcome {
    const { version = -1n, marks } = envelope
    if (item !== undefined && record.version > version) return item
    if (item !== undefined && marks === undefined) {
      return version === record.version ? applied : superseded
    }
    const next = mergedItemOf(record, key, envelope, this.#settings)
    if (next === 'not_an_object') return notAnObject
    if (next === 'later_form') return later(key)
    if (typeof next !== 'string') return next
    return next === 'applied' ? applied : superseded
  }
}

/** How long a record waits for whoever upgrades this process, in ms. */
const upgradeMs = 30_000

const nothing = { version: undefined, value: undefined, marks: undefined } as const
const notAnObject = permanent(
  'not_an_object',
  'What memcached holds is no JSON object: it has no fields.',
)
const patchRefused = permanent('unsupported_op', 'This target takes no patch without `patch`.')

/** Written over, it would lose what it is guarded by. */
function later(key: string): Outcome {
  const what = `${key} is held in a form that this release cannot read. A newer one may have written it: upgrade`
  const more = ' this process. If something else has, remove that key.'
  return held('later_form', what + more, { retryAfterMs: upgradeMs })
}

const aborted = transient('aborted', 'The apply was given up before memcached answered.')
const contended = transient('contended', 'Others keep changing the item while it is being stored.')

/**
 * Settles each when it is answered or the signal aborts. What was sent may still be applied by then: it
 * has its version, and the number that the item had, so it does no harm.
 */
async function untilAborted(
  signal: AbortSignal,
  answers: readonly Promise<Outcome>[],
): Promise<Outcome[]> {
  const outcomes = answers.map((): Outcome => aborted)
  const settled = Promise.all(
    answers.map(async (answer, at) => {
      outcomes[at] = await answer
    }),
  )
  await orAborted(settled, signal).catch(() => {})
  return [...outcomes]
}

function errorOf({ message, cause }: Pick<FailureOutcome, 'message' | 'cause'>): WalError {
  return new WalError('ERR_UNAVAILABLE', message, { retryable: true, cause })
}

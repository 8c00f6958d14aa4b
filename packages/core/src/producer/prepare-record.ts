import type { Clock } from '../clock.ts'
import type { Codec } from '../codec.ts'
import { isUnchecked, type PayloadType } from '../config/payload-type.ts'
import { durationMs } from '../config/quantity.ts'
import { WalError } from '../errors.ts'
import type { Random } from '../random.ts'
import type { Op, StoredRecord, TraceContext, WalRecord } from '../record.ts'
import { isRecordId, type RecordIds } from '../record-id.ts'
import type { Target } from '../target/target.ts'
import type { VersionClock } from '../version.ts'
import type { WriteInput } from './write-input.ts'

export interface PrepareOptions {
  readonly namespace: string
  readonly order: 'key' | 'none'
  readonly payload: PayloadType<unknown> | undefined
  readonly codec: Codec
  readonly targets: ReadonlyMap<string, Target<unknown>>
  readonly delayMs: number
  readonly jitterMs: number
  readonly longestDelayMs: number
  readonly largestPayloadBytes: number
  readonly origin: string
  readonly clock: Clock
  readonly random: Random
  readonly ids: RecordIds
  readonly versions: VersionClock
}

const longestKey = 1024
const mostHeaderCharacters = 65_536
/** Twice what W3C Trace Context asks everybody to pass on. */
const longestTrace = 1024
/** The clock counts in doubles, which are exact up to here: microseconds to the year 2255. */
const highestVersion = 2n ** 53n - 1n

/**
 * Turns what a caller writes into a record: checks every field, the payload's schema and what the
 * targets say of it, encodes the payload, and gives id and version. Everything that can be known
 * to be wrong is refused here, before anything is stored.
 */
export class RecordPreparer {
  readonly #options: PrepareOptions
  /** Undefined where nothing but the type is said of payloads. */
  readonly #schema: PayloadType<unknown> | undefined
  /** Targets that want to see a record at write time. */
  readonly #critics: readonly [string, Target<unknown>][]

  constructor(options: PrepareOptions) {
    this.#options = options
    const { payload, targets } = options
    this.#schema = payload === undefined || isUnchecked(payload) ? undefined : payload
    this.#critics = [...targets].filter(([, target]) => target.validate || target.ops)
  }

  /**
   * Checks the input, and answers with the payload as its schema leaves it; a promise only where
   * the schema's check is asynchronous.
   */
  check(input: WriteInput<unknown>): unknown {
    if (typeof input !== 'object' || input === null) {
      throw this.#invalid(`a write takes an object, not ${shown(input)}`)
    }
    const op = input.op ?? 'put'
    this.#checkFields(input, op)
    if (this.#schema === undefined || op !== 'put') return input.payload
    const result = this.#schema['~standard'].validate(input.payload)
    return result instanceof Promise
      ? result.then((settled) => this.#accepted(settled))
      : this.#accepted(result)
  }

  /** Checks and encodes another payload for a record that exists already. */
  async encodeEdited({ op }: StoredRecord, payload: unknown): Promise<Uint8Array | undefined> {
    if (this.#schema === undefined || op !== 'put') return this.#encode(payload, op)
    return this.#encode(this.#accepted(await this.#schema['~standard'].validate(payload)), op)
  }

  /** Makes the record of an input that was checked, with its id and version. */
  build(input: WriteInput<unknown>, payload: unknown): StoredRecord {
    const { namespace, clock, ids, versions, origin } = this.#options
    const op = input.op ?? 'put'
    const bytes = this.#encode(payload, op)
    const now = clock.now()
    const dueAt = this.#dueAt(input, now)
    const { key, version } = input
    if (version !== undefined) versions.observe(key, version)
    const record: StoredRecord = {
      id: input.id ?? ids.next(now),
      namespace,
      key,
      op,
      payload: bytes,
      headers: input.headers === undefined ? noHeaders : { ...input.headers },
      writtenAt: input.writtenAt ?? now,
      dueAt,
      version: version ?? versions.next(key, now, input.after),
      origin,
      target: input.target,
      transaction: undefined,
      attemptEpoch: 0,
      traceContext: input.traceContext,
      encryptionKeyId: undefined,
    }
    if (this.#critics.length > 0) this.#askTargets(record, payload)
    return record
  }

  #checkFields(input: WriteInput<unknown>, op: Op): void {
    const { key, headers, target, id, version, after, writtenAt } = input
    if (op !== 'put' && op !== 'patch' && op !== 'delete') {
      throw this.#invalid(`op is ${shown(op)}; it must be 'put', 'patch' or 'delete'`)
    }
    if (key === undefined ? this.#options.order === 'key' : !isKey(key)) {
      throw this.#invalid(
        `the key is ${shown(key)}; it must be well-formed text of 1 to ${longestKey} characters`,
      )
    }
    if (op === 'patch' && (typeof input.payload !== 'object' || input.payload === null)) {
      throw this.#invalid("a patch's payload must be an object of the fields it sets")
    }
    if (target !== undefined && !this.#options.targets.has(target))
      throw this.#unknownTarget(target)
    if (id !== undefined && !isRecordId(id)) {
      throw this.#invalid(`the id is ${shown(id)}; it must be a UUID in lower case`)
    }
    if (version !== undefined) this.#checkVersion('version', version)
    if (after !== undefined) this.#checkVersion('after', after)
    if (writtenAt !== undefined && !Number.isFinite(writtenAt)) {
      throw this.#invalid('writtenAt must be ms since the Unix epoch')
    }
    if (headers !== undefined) this.#checkHeaders(headers)
    if (input.traceContext !== undefined) this.#checkTraceContext(input.traceContext)
  }

  #checkTraceContext(context: Partial<TraceContext> | null): void {
    const { traceparent, tracestate = '' } = context ?? {}
    for (const text of [traceparent, tracestate]) {
      if (typeof text !== 'string' || text.length > longestTrace || !text.isWellFormed()) {
        throw this.#invalid(
          `its traceContext must hold a traceparent, and may hold a tracestate, of at most ${longestTrace} characters each`,
        )
      }
    }
  }

  #checkVersion(field: string, version: unknown): void {
    if (typeof version !== 'bigint' || version < 1n || version > highestVersion) {
      throw this.#invalid(`${field} is ${shown(version)}; it must be a bigint from 1 to 2^53 - 1`)
    }
  }

  #checkHeaders(headers: Readonly<Record<string, unknown>> | null): void {
    if (typeof headers !== 'object' || headers === null) {
      throw this.#invalid('its headers must be an object of strings')
    }
    let characters = 0
    for (const [name, value] of Object.entries(headers)) {
      if (typeof value !== 'string') throw this.#invalid(`header '${name}' is not a string`)
      if (!name.isWellFormed() || !value.isWellFormed()) {
        throw this.#invalid(`header '${name}' holds half a surrogate pair`)
      }
      characters += name.length + value.length
    }
    if (characters > mostHeaderCharacters) {
      throw this.#invalid(`its headers take ${characters} characters of ${mostHeaderCharacters}`)
    }
  }

  #dueAt({ delay, at }: WriteInput<unknown>, now: number): number | undefined {
    const { delayMs, jitterMs, longestDelayMs, random, namespace } = this.#options
    if (delay === undefined && at === undefined && delayMs === 0 && jitterMs === 0) return undefined
    if (delay !== undefined && at !== undefined) throw this.#invalid('it has both delay and at')
    const wanted =
      at === undefined ? this.#delayMs(delay === undefined ? delayMs : delay) : instantOf(at) - now
    if (Number.isNaN(wanted) || wanted > longestDelayMs) {
      throw new WalError(
        'ERR_INVALID_DELAY',
        `A record for namespace '${namespace}' asks to wait ${wanted} ms; the longest delay is ${longestDelayMs} ms (limits.longestDelay)`,
      )
    }
    const jittered = wanted + jitterMs * random.next()
    return jittered > 0 ? Math.ceil(now + jittered) : undefined
  }

  #delayMs(delay: unknown): number {
    try {
      return durationMs(delay as number)
    } catch (cause) {
      throw new WalError('ERR_INVALID_DELAY', `The delay is wrong: ${(cause as Error).message}`, {
        cause,
      })
    }
  }

  #encode(payload: unknown, op: Op): Uint8Array | undefined {
    if (payload === undefined && op === 'delete') return undefined
    const { codec, namespace, largestPayloadBytes } = this.#options
    let bytes: Uint8Array
    try {
      bytes = codec.encode(payload)
    } catch (cause) {
      throw new WalError(
        'ERR_NOT_SERIALIZABLE',
        `A payload for namespace '${namespace}' cannot be encoded by the ${codec.name} codec: ${(cause as Error).message}`,
        { cause },
      )
    }
    if (bytes.byteLength <= largestPayloadBytes) return bytes
    throw new WalError(
      'ERR_PAYLOAD_TOO_LARGE',
      `A payload for namespace '${namespace}' is ${bytes.byteLength} bytes; the most is ${largestPayloadBytes} (limits.payloadBytes, or the queue's own limit)`,
    )
  }

  #accepted(
    result: { readonly value: unknown } | { readonly issues: readonly SchemaIssue[] },
  ): unknown {
    if (!('issues' in result) || result.issues === undefined) {
      return (result as { readonly value: unknown }).value
    }
    const reasons = result.issues.map(({ path, message }) =>
      path?.length ? `${path.map(segmentOf).join('.')}: ${message}` : message,
    )
    throw new WalError(
      'ERR_INVALID_PAYLOAD',
      `A payload for namespace '${this.#options.namespace}' fails its schema: ${reasons.join('; ')}`,
    )
  }

  #askTargets(record: StoredRecord, payload: unknown): void {
    for (const [name, target] of this.#critics) {
      if (record.target !== undefined && record.target !== name) continue
      if (target.ops && !target.ops.includes(record.op)) {
        throw this.#invalid(`target '${name}' cannot apply a ${record.op}`)
      }
      const reason = target.validate?.({ ...record, payload } as WalRecord<unknown>)
      if (reason !== undefined)
        throw this.#invalid(`target '${name}' will never take it: ${reason}`)
    }
  }

  #unknownTarget(target: unknown): WalError {
    const names = [...this.#options.targets.keys()].join(', ')
    return new WalError(
      'ERR_UNKNOWN_TARGET',
      `Namespace '${this.#options.namespace}' has no target ${shown(target)}; it has ${names}`,
    )
  }

  #invalid(reason: string): WalError {
    return new WalError(
      'ERR_INVALID_RECORD',
      `A record for namespace '${this.#options.namespace}' is refused: ${reason}`,
    )
  }
}

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

function isKey(key: unknown): boolean {
  return typeof key === 'string' && key.length > 0 && key.length <= longestKey && key.isWellFormed()
}

/** Ms since the Unix epoch; NaN for what is no instant. */
function instantOf(at: unknown): number {
  return typeof at === 'number' || at instanceof Date ? Number(at) : Number.NaN
}

function segmentOf(segment: PropertyKey | { readonly key: PropertyKey }): string {
  return String(typeof segment === 'object' ? segment.key : segment)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `'${value.slice(0, 80)}'` : String(value)
}

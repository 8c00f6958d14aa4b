import type { Clock } from '../clock.ts'
import type { Codec } from '../codec.ts'
import { isUnchecked, type PayloadType } from '../config/payload-type.ts'
import { durationMs } from '../config/quantity.ts'
import type { DeadLetter } from '../dlq/dead-letter.ts'
import { reasonOf, shown } from '../error-text.ts'
import { WalError } from '../errors.ts'
import type { Random } from '../random.ts'
import type { ForwardedRecord, Op, StoredRecord, TransactionPlace, WalRecord } from '../record.ts'
import type { RecordIds } from '../record-id.ts'
import type { Target } from '../target/target.ts'
import type { VersionClock } from '../version.ts'
import { checkFields, checkHeaders, refused } from './check-fields.ts'
import { checkPayload } from './check-payload.ts'
import { checkForwarded, versionAhead } from './forwarded-record.ts'
import type { RecordName } from './receipt.ts'
import type { WriteInput } from './write-input.ts'

/** Order does not matter here: where a key has to be is checked. */
type Input = WriteInput<unknown, string, 'none'>

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
  /** Of a region among several: what it asks of records. */
  readonly region?: RegionRules | undefined
}

/** What a region among several asks of records. */
export interface RegionRules {
  /** Throws for a write that is refused in this region. */
  checkWrite(input: Pick<Input, 'op' | 'target' | 'key' | 'after' | 'version'>, now: number): void
  /** Throws for a record from elsewhere that is not taken for now. */
  checkForwarded(record: ForwardedRecord): void
  /** False for a target to which the record does not go. */
  concerns(record: Pick<StoredRecord, 'origin' | 'headers'>, target: string): boolean
}

/** The clock counts in doubles, which are exact up to here: microseconds to the year 2255. */
const highestVersion = 2n ** 53n - 1n
/** How far a version from elsewhere may be ahead of the clock: a day, in microseconds. */
const furthestAhead = 86_400_000_000n

/** What a redrive may change in a record; undefined leaves it as it is. */
export interface Edited {
  readonly payload: unknown
  readonly headers: Readonly<Record<string, string>> | undefined
}

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
  check(input: Input): unknown {
    if (typeof input !== 'object' || input === null) {
      throw this.#invalid(`a write takes an object, not ${shown(input)}`)
    }
    const op = input.op ?? 'put'
    checkFields(input, op, this.#options)
    if (input.version !== undefined) this.#checkVersion('version', input.version)
    if (input.after !== undefined) this.#checkVersion('after', input.after)
    if (this.#schema === undefined || op !== 'put') return input.payload
    return checkPayload(this.#options.namespace, this.#schema, input.payload)
  }

  /**
   * The record of a letter with what was edited in it. The payload is encoded as it is: it is what
   * the schema has made of one, and need not pass the schema again.
   */
  mend({ stored, record, target }: DeadLetter, edit: Partial<Edited>): StoredRecord {
    const { payload, headers } = edit
    if (headers !== undefined) checkHeaders(this.#options.namespace, headers)
    const mended: StoredRecord = {
      ...stored,
      target,
      payload: payload === undefined ? stored.payload : this.#encode(payload, stored.op),
      headers: headers === undefined ? stored.headers : { ...headers },
    }
    // Bytes that cannot be decoded, and stay, are for the target to judge when it is given them.
    if (payload !== undefined || record !== undefined) {
      this.#askTargets(mended, payload === undefined ? record?.payload : payload)
    }
    return mended
  }

  /**
   * Makes the record of an input that was checked, with its id and version; `now` in ms since the Unix
   * epoch.
   */
  build(input: Input, payload: unknown, now: number): StoredRecord {
    const { namespace, ids, origin } = this.#options
    const op = input.op ?? 'put'
    const bytes = this.#encode(payload, op)
    const dueAt = this.#dueAt(input, now)
    const version = this.#versionOf(input, now)
    const record: StoredRecord = {
      id: input.id ?? ids.next(now),
      namespace,
      key: input.key,
      op,
      payload: bytes,
      headers: input.headers === undefined ? noHeaders : { ...input.headers },
      writtenAt: input.writtenAt ?? now,
      dueAt,
      version,
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

  /**
   * The id and the version of an input that was checked, also where no record will be made of it, as
   * its receipt needs them. Throws where a region's clock is off.
   */
  name(input: Input, now: number): RecordName {
    const version = this.#versionOf(input, now)
    return { id: input.id ?? this.#options.ids.next(now), version }
  }

  /**
   * The record of one that exists already: with its id, its version and its origin, for all targets and
   * as new work. Its payload is what a schema has made of one, and does not pass the schema again.
   */
  forwarded(input: ForwardedRecord): StoredRecord {
    const { namespace, clock, versions, region } = this.#options
    checkForwarded(input, this.#options)
    const { id, key, op, payload, headers, writtenAt, version, origin, traceContext } = input
    const aheadMs = this.#aheadMs('version', version)
    region?.checkForwarded(input)
    if (aheadMs !== undefined) throw versionAhead(namespace, version, aheadMs)
    const record: StoredRecord = {
      ...{ id, namespace, key, op, payload: this.#encode(payload, op), headers: { ...headers } },
      ...{ writtenAt, dueAt: this.#dueAt({}, clock.now()), version, origin, traceContext },
      ...{ target: undefined, transaction: undefined, attemptEpoch: 0, encryptionKeyId: undefined },
    }
    if (this.#critics.length > 0) this.#askTargets(record, payload)
    versions.observe(key, version)
    return record
  }

  /**
   * The record of a mutation of a transaction, whose input was checked; `version` is the distance from the
   * lowest one that its key will get.
   */
  mutation(input: Input, payload: unknown, place: TransactionPlace, version: bigint): StoredRecord {
    const { namespace, clock, ids, origin } = this.#options
    const { op = 'put', key, target, headers, traceContext } = input
    const now = clock.now()
    const record: StoredRecord = {
      id: ids.next(now),
      namespace,
      key,
      op,
      payload: this.#encode(payload, op),
      headers: headers === undefined ? noHeaders : { ...headers },
      writtenAt: now,
      dueAt: undefined,
      version,
      origin,
      target,
      transaction: place,
      attemptEpoch: 0,
      traceContext,
      encryptionKeyId: undefined,
    }
    // Targets are shown a version like the one it will have.
    const shownVersion = BigInt(Math.floor(now)) * 1000n + version
    if (this.#critics.length > 0) this.#askTargets({ ...record, version: shownVersion }, payload)
    return record
  }

  #versionOf(input: Input, now: number): bigint {
    const { versions, region } = this.#options
    const { key, after, version } = input
    region?.checkWrite(input, now)
    if (version === undefined) return versions.next(key, now, after)
    versions.observe(key, version)
    return version
  }

  /**
   * A version far ahead would be the highest its key can ever have, and after a restart the floor
   * of every key's: nothing written later could beat it. One that this clock gave out is fine.
   */
  #checkVersion(field: string, version: unknown): void {
    const aheadMs = this.#aheadMs(field, version)
    if (aheadMs === undefined) return
    throw this.#invalid(
      `${field} is ${version}, ${aheadMs} ms ahead of this machine's clock; the most is a day (86400000 ms). Versions are microseconds since the Unix epoch: check the clocks, or where it comes from`,
    )
  }

  /** How far a version is ahead, where that is too far; throws for what is none. */
  #aheadMs(field: string, version: unknown): bigint | undefined {
    const { clock, versions } = this.#options
    if (typeof version !== 'bigint' || version < 1n || version > highestVersion) {
      throw this.#invalid(`${field} is ${shown(version)}; it must be a bigint from 1 to 2^53 - 1`)
    }
    const now = BigInt(Math.trunc(clock.now())) * 1000n
    const isNear = version <= now + furthestAhead || version <= versions.highest
    return isNear ? undefined : (version - now) / 1000n
  }

  /**
   * When a record is due that is to be so now; undefined for at once. Without the namespace's jitter:
   * whoever gives a record another time has one in mind.
   */
  newDueAt(time: Pick<Input, 'delay' | 'at'>): number | undefined {
    if (time.delay === undefined && time.at === undefined) {
      throw this.#invalid('it has neither delay nor at')
    }
    const now = this.#options.clock.now()
    const wantedMs = this.#wantedMs(time, now)
    return wantedMs > 0 ? Math.ceil(now + wantedMs) : undefined
  }

  #dueAt({ delay, at }: Pick<Input, 'delay' | 'at'>, now: number): number | undefined {
    const { delayMs, jitterMs, longestDelayMs, random } = this.#options
    if (delay === undefined && at === undefined && delayMs === 0 && jitterMs === 0) return undefined
    const wanted = this.#wantedMs({ delay, at }, now)
    const isAtOnce = wanted <= 0 && (delay !== undefined || at !== undefined)
    if (isAtOnce) return undefined
    const jittered = Math.min(longestDelayMs, wanted + jitterMs * random.next())
    return jittered > 0 ? Math.ceil(now + jittered) : undefined
  }

  /** How long it is to wait, in ms: below 0 where its time is over. */
  #wantedMs({ delay, at }: Pick<Input, 'delay' | 'at'>, now: number): number {
    const { delayMs, longestDelayMs, namespace } = this.#options
    if (delay !== undefined && at !== undefined) throw this.#invalid('it has both delay and at')
    const wanted =
      at === undefined ? this.#delayMs(delay === undefined ? delayMs : delay) : instantOf(at) - now
    if (Number.isNaN(wanted) || wanted > longestDelayMs) {
      throw new WalError(
        'ERR_INVALID_DELAY',
        `A record for namespace '${namespace}' asks to wait ${wanted} ms; the longest delay is ${longestDelayMs} ms (limits.longestDelay; where the namespace is replicated, its longestLag)`,
      )
    }
    return wanted
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
      if (!(bytes instanceof Uint8Array)) {
        throw new TypeError(`its encode() answered ${shown(bytes)}, which is no Uint8Array`)
      }
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

  #askTargets(record: StoredRecord, payload: unknown): void {
    for (const [name, target] of this.#critics) {
      if (record.target !== undefined && record.target !== name) continue
      if (this.#options.region?.concerns(record, name) === false) continue
      if (target.ops && !target.ops.includes(record.op)) {
        throw this.#invalid(`target '${name}' cannot apply a ${record.op}`)
      }
      const reason = this.#reasonOf(name, target, { ...record, payload } as WalRecord)
      if (reason !== undefined) {
        throw this.#invalid(`target '${name}' will never take it: ${reason}`)
      }
    }
  }

  #reasonOf(name: string, target: Target<unknown>, record: WalRecord): string | undefined {
    try {
      return target.validate?.(record)
    } catch (cause) {
      const why = reasonOf(cause)
      throw refused(
        this.#options.namespace,
        `validate() of target '${name}' failed: ${why}. Nothing was stored; mend the target`,
        cause,
      )
    }
  }

  #invalid(reason: string): WalError {
    return refused(this.#options.namespace, reason)
  }
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({})

/** Ms since the Unix epoch; NaN for what is no instant. */
function instantOf(at: unknown): number {
  return typeof at === 'number' || at instanceof Date ? Number(at) : Number.NaN
}

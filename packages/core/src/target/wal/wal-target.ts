import * as v from 'valibot'
import { ConfigError } from '../../config/config-error.ts'
import { isWalError, WalError } from '../../errors.ts'
import type { Receipt } from '../../producer/receipt.ts'
import type { ForwardedRecord, WalRecord } from '../../record.ts'
import { aFunction, checkOptions, count, size } from '../check-options.ts'
import { lostOnItsWay, outcomeOfSend } from '../forwarding/durable-outcome.ts'
import { leaving } from '../forwarding/trail.ts'
import { orAborted } from '../or-aborted.ts'
import {
  type ApplyContext,
  applied,
  type BatchLimits,
  type Outcome,
  type Target,
} from '../target.ts'

/** Brings records into a namespace of another wal: its own `forward`, or what calls that elsewhere. */
export type Forward<P = unknown> = (
  records: readonly ForwardedRecord<P>[],
  options: { readonly signal: AbortSignal },
) => Promise<readonly Receipt[]>

/** The receiving end: a `Namespace` is one. */
export interface ForwardingNamespace<P = unknown> {
  forward: Forward<P>
}

/** What {@link walTarget} takes in every form. */
export interface WalTargetCommon {
  /**
   * Forwards only records that were written in these regions; the others are passed over. In a full
   * mesh of regions each forwards its own.
   */
  readonly origins?: readonly string[] | undefined
  /** Most that is forwarded at a time; default the namespace's own `batch`. */
  readonly largestBatch?: Partial<BatchLimits> | undefined
}

/** Where {@link walTarget} forwards to. */
export type WalTargetOptions<P = unknown, Name extends string = string> = WalTargetCommon &
  (
    | {
        /** An open wal, or a function that answers it once it is needed. */
        readonly wal: WalOf<P, Name> | (() => WalOf<P, Name>)
        readonly namespace: Name
        readonly forward?: undefined
      }
    | {
        /** A handle on the namespace. */
        readonly namespace: ForwardingNamespace<P>
        readonly wal?: undefined
        readonly forward?: undefined
      }
    | {
        /** Brings records to a wal in another process, which answers with the receipts of `forward`. */
        readonly forward: Forward<P>
        readonly wal?: undefined
        readonly namespace?: undefined
      }
  )

/** As much of a wal as is needed. */
export interface WalOf<P, Name extends string> {
  // No method, so that a name the wal does not have is an error of types.
  readonly namespace: (name: Name) => ForwardingNamespace<P>
}

const schema = v.strictObject({
  wal: v.optional(
    v.custom<WalOf<unknown, string> | (() => WalOf<unknown, string>)>(
      isWal,
      'must be an open wal, or a function that answers one',
    ),
  ),
  namespace: v.optional(
    v.union(
      [v.string(), v.custom<ForwardingNamespace>(hasForward)],
      'must be the name of a namespace, or a handle on one',
    ),
  ),
  forward: v.optional(aFunction<Forward>()),
  origins: v.optional(v.array(v.string(), 'must be an array of regions')),
  largestBatch: v.optional(
    v.strictObject({ maxRecords: v.exactOptional(count), maxBytes: v.exactOptional(size) }),
  ),
})

/**
 * A target that is a namespace of another wal, in this process or, by a function, in another one. A
 * record is applied once it is durable there. It keeps its id, key, op, payload, headers, version,
 * origin and time of writing. None comes back to where it has been.
 *
 * Throws `ConfigError` for options that are wrong or unknown, and `ERR_UNKNOWN_NAMESPACE`.
 *
 * @example
 * const archive = walTarget({ wal: archiveWal, namespace: 'titles' })
 */
export function walTarget<P = unknown, Name extends string = string>(
  options: WalTargetOptions<P, Name>,
): Target<P> {
  return new WalTarget(checkOptions('walTarget', schema, options)) as Target<P>
}

class WalTarget implements Target {
  readonly idempotency = 'id'
  readonly passesOn = true
  // It does not apply in order: of two records of a key the other wal may refuse the first, and take the second.
  readonly largestBatch: Target['largestBatch']
  readonly #origins: ReadonlySet<string> | undefined
  readonly #resolve: () => Forward
  #forward: Forward | undefined

  constructor(settings: v.InferOutput<typeof schema>) {
    const { origins, largestBatch, wal } = settings
    this.largestBatch = largestBatch
    this.#origins = origins === undefined ? undefined : new Set(origins)
    this.#resolve = resolverOf(settings)
    // A wal that is given is there: what is wrong with it can be told now.
    if (typeof wal !== 'function') this.#forward = this.#resolve()
  }

  async open(): Promise<void> {
    this.#forward ??= this.#resolve()
  }

  async apply(
    records: readonly WalRecord[],
    { signal, place }: ApplyContext,
  ): Promise<readonly Outcome[]> {
    const leaving = records.map((record) => this.#leaving(record, place))
    const going = leaving.filter((each) => 'id' in each)
    const receipts = going.length === 0 ? [] : await this.#send(going, signal)
    const sent = receipts.values()
    return leaving.map((each) =>
      'id' in each ? outcomeOfSend('The wal', sent.next().value) : each,
    )
  }

  #leaving(record: WalRecord, place: string | undefined): ForwardedRecord | Outcome {
    if (this.#origins?.has(record.origin) === false) return applied
    const way = leaving(record.headers, place)
    if (way === 'returned') return applied
    return way === 'lost' ? lostOnItsWay : { ...record, headers: way.headers }
  }

  /**
   * No answer in time, or an error of this library as from a wal that is closed, leaves open what
   * became of the records. Any other is for core to take.
   */
  async #send(
    records: readonly ForwardedRecord[],
    signal: AbortSignal,
  ): Promise<readonly Pick<Receipt, 'durable' | 'error'>[]> {
    try {
      this.#forward ??= this.#resolve()
      return await orAborted(this.#forward(records, { signal }), signal)
    } catch (cause) {
      const error = signal.aborted ? new WalError('ERR_ABORTED', 'It was given up.') : cause
      if (!isWalError(error)) throw error
      return records.map(() => ({ durable: 'unknown', error }))
    }
  }
}

function resolverOf({ wal, namespace, forward }: v.InferOutput<typeof schema>): () => Forward {
  const given = [wal, forward].filter((each) => each !== undefined).length
  if (forward !== undefined && given === 1 && namespace === undefined) return () => forward
  if (typeof namespace === 'object' && given === 0)
    return () => (records, options) => namespace.forward(records, options)
  if (wal !== undefined && given === 1 && typeof namespace === 'string') {
    return () => {
      const handle = (typeof wal === 'function' ? wal() : wal).namespace(namespace)
      return (records, options) => handle.forward(records, options)
    }
  }
  throw new ConfigError([
    {
      path: 'walTarget',
      reason:
        'give a wal and the name of its namespace, or a handle as namespace, or a forward function',
    },
  ])
}

function isWal(value: unknown): boolean {
  return (
    typeof value === 'function' ||
    (typeof value === 'object' && value !== null && 'namespace' in value)
  )
}

function hasForward(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'forward' in value
}

/**
 * What is done to the row or document a record names.
 *
 * - `put` replaces the whole row or document.
 * - `patch` sets the fields the payload names and leaves the others alone.
 * - `delete` removes it; the payload holds key fields only, or nothing.
 */
export type Op = 'put' | 'patch' | 'delete'

/** A record's place in a multi-partition transaction. */
export interface TransactionPlace {
  /** The transaction's id, shared by all of its records. */
  readonly id: string
  /** This record's position in it, counted from 0. */
  readonly index: number
}

/** W3C trace context, carried from the writer to every target. */
export interface TraceContext {
  readonly traceparent: string
  readonly tracestate?: string | undefined
}

/** The fields every record carries, whatever its op. */
export interface RecordFields {
  /** UUIDv7, made at `write`. Writing the same id again is the same mutation. */
  readonly id: string
  readonly namespace: string
  /** Order and partition. Optional only where the namespace's order is `'none'`. */
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** When `write` was called, in ms since the Unix epoch by the writer's clock. */
  readonly writtenAt: number
  /** Not applied before this instant, in ms since the Unix epoch. Undefined: at once. */
  readonly dueAt: number | undefined
  /**
   * Microseconds of a hybrid logical clock; the low 4 bits are the region's number.
   * Grows per key. Every store is given this same integer.
   */
  readonly version: bigint
  /** Name of the region in which the record was written. */
  readonly origin: string
  /** The only target meant, or undefined for every target of the namespace. */
  readonly target: string | undefined
  readonly transaction: TransactionPlace | undefined
  /** 0 as written; one more at every redrive, so that a redriven record counts as new work. */
  readonly attemptEpoch: number
  readonly traceContext: TraceContext | undefined
  /** Names the key the payload is encrypted with. Undefined: not encrypted. */
  readonly encryptionKeyId: string | undefined
}

/** A record that replaces a whole row or document. */
export interface PutRecord<P = unknown> extends RecordFields {
  readonly op: 'put'
  readonly payload: P
}

/** A record that sets the named fields. */
export interface PatchRecord<P = unknown> extends RecordFields {
  readonly op: 'patch'
  readonly payload: Partial<P>
}

/** A record that removes a row or document. */
export interface DeleteRecord<P = unknown> extends RecordFields {
  readonly op: 'delete'
  readonly payload: Partial<P> | undefined
}

/** One mutation in the log, as targets and dead letters see it: with its payload decoded. */
export type WalRecord<P = unknown> = PutRecord<P> | PatchRecord<P> | DeleteRecord<P>

/**
 * One mutation as queues carry it: its payload encoded by the namespace's codec.
 * `payload` is undefined for a delete without one.
 */
export interface StoredRecord extends RecordFields {
  readonly op: Op
  readonly payload: Uint8Array | undefined
}

/** What a record counts for beside its texts and its payload, in bytes: its other fields and the bookkeeping. */
const fieldsBytes = 200

/** What a record counts for wherever bytes are limited: its payload, its texts, and what the rest takes. */
export function recordBytes({ key, headers, payload }: StoredRecord): number {
  let bytes = fieldsBytes + (payload?.byteLength ?? 0) + (key ? Buffer.byteLength(key) : 0)
  for (const name in headers) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(headers[name] as string)
  }
  return bytes
}

/** What a record brings that exists already: everything that stays the same wherever it is. */
export interface ForwardedFields {
  readonly id: string
  readonly key?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** In ms since the Unix epoch, by the clock of who wrote it. */
  readonly writtenAt: number
  readonly version: bigint
  /** The region in which it was written. */
  readonly origin: string
  readonly traceContext?: TraceContext | undefined
}

/**
 * A record that exists already, as `Namespace.forward` takes it. A record as targets see it is one:
 * what belongs to the namespace it comes from (its target, its place in a transaction, when it was
 * due, its attempts) is passed over.
 */
export type ForwardedRecord<P = unknown> = ForwardedFields &
  (
    | { readonly op: 'put'; readonly payload: P }
    | { readonly op: 'patch'; readonly payload: Partial<P> }
    | { readonly op: 'delete'; readonly payload?: Partial<P> | undefined }
  )

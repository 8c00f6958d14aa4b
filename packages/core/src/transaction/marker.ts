import { jsonCodec } from '../codec.ts'
import type { StoredRecord } from '../record.ts'

/** What a marker says of a target. */
export interface MarkedTarget {
  readonly mutations: number
  /** The keys of these mutations, each once: on queues that one process reads whole. */
  readonly keys?: readonly string[] | undefined
}

/** The payload of the record that goes through the queue for a transaction. */
export interface Marker {
  readonly mutations: number
  readonly targets: Readonly<Record<string, MarkedTarget>>
}

/** What makes a marker's record. */
export interface MarkerFields {
  readonly id: string
  readonly namespace: string
  readonly origin: string
  readonly now: number
  readonly version: bigint
  /** How many mutations it is behind. */
  readonly mutations: number
  /** What it says, encoded. */
  readonly payload: Uint8Array
}

/** The record that goes through the queue for a transaction; see decision 21. */
export function markerRecord({ mutations, now, ...fields }: MarkerFields): StoredRecord {
  return {
    ...fields,
    // Every queue has a place for it then, and one place only.
    key: fields.id,
    op: 'put',
    headers: {},
    writtenAt: now,
    dueAt: undefined,
    target: undefined,
    transaction: { id: fields.id, index: mutations },
    attemptEpoch: 0,
    traceContext: undefined,
    encryptionKeyId: undefined,
  }
}

export function encodeMarker(marker: Marker): Uint8Array {
  return jsonCodec.encode(marker)
}

/**
 * True for the marker of a transaction, false for one of its mutations: a marker's place is that behind the
 * last mutation, and it is the transaction's own record.
 */
export function isMarker({ id, transaction }: StoredRecord): boolean {
  return transaction !== undefined && transaction.id === id
}

/** What a marker says, or undefined where its payload cannot be read. */
export function markerOf({ payload }: StoredRecord): Marker | undefined {
  try {
    const marker = payload && (jsonCodec.decode(payload) as Partial<Marker> | null)
    return typeof marker?.targets === 'object' && marker.targets !== null
      ? (marker as Marker)
      : undefined
  } catch {
    return undefined
  }
}

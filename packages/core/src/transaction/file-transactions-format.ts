import { WalError } from '../errors.ts'
import type { TransactionHead } from './transaction-store.ts'

/**
 * The entries of a journal of transactions. Each is a byte and then:
 *
 *   1 head   the head as JSON in UTF-8, its version as digits
 *   2 chunk  u32 index, u16 length, the transaction's id of that length, the chunk's bytes
 *   3 gone   the id of a transaction that was removed
 *
 * Integers are little-endian, ids are UTF-8. A head takes the place of an earlier one, and a chunk that of an
 * earlier one of its index. The chunks of a head that is `applied` or `discarded` are void.
 */
const headCode = 1
const chunkCode = 2
const goneCode = 3

/** Code, index and length. */
const chunkHeaderBytes = 7

export type TransactionEntry =
  | { readonly kind: 'head'; readonly head: TransactionHead }
  | { readonly kind: 'chunk'; readonly id: string; readonly index: number }
  | { readonly kind: 'gone'; readonly id: string }

export function encodeHead(head: TransactionHead): Buffer {
  const json = JSON.stringify({ ...head, version: head.version?.toString() })
  return Buffer.concat([Uint8Array.of(headCode), Buffer.from(json)])
}

export function encodeChunk(id: string, index: number, bytes: Uint8Array): Buffer {
  const name = Buffer.from(id)
  const header = Buffer.alloc(chunkHeaderBytes)
  header.writeUInt8(chunkCode)
  header.writeUInt32LE(index, 1)
  header.writeUInt16LE(name.byteLength, 5)
  return Buffer.concat([header, name, bytes])
}

export function encodeGone(id: string): Buffer {
  return Buffer.concat([Uint8Array.of(goneCode), Buffer.from(id)])
}

/** What an entry says, without a chunk's bytes. Throws `ERR_FUTURE_FORMAT` for a kind it does not know. */
export function readTransactionEntry(body: Buffer): TransactionEntry {
  const code = body.readUInt8(0)
  if (code === headCode) return { kind: 'head', head: decodeHead(body) }
  if (code === goneCode) return { kind: 'gone', id: body.toString('utf8', 1) }
  if (code === chunkCode) {
    const id = body.toString('utf8', chunkHeaderBytes, chunkStart(body))
    return { kind: 'chunk', id, index: body.readUInt32LE(1) }
  }
  throw new WalError(
    'ERR_FUTURE_FORMAT',
    `A journal of transactions has an entry of kind ${code}. Open it with the release that wrote it, or a later one.`,
  )
}

export function decodeHead(body: Buffer): TransactionHead {
  const head = JSON.parse(body.toString('utf8', 1)) as Omit<TransactionHead, 'version'> & {
    readonly version?: string
  }
  return { ...head, version: head.version === undefined ? undefined : BigInt(head.version) }
}

/** A chunk's bytes: a view of those of its entry. */
export function chunkBytesOf(body: Buffer): Uint8Array {
  return body.subarray(chunkStart(body))
}

function chunkStart(body: Buffer): number {
  return chunkHeaderBytes + body.readUInt16LE(5)
}

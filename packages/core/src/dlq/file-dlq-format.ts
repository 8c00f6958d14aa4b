import { WalError } from '../errors.ts'
import { ByteReader, ByteWriter } from '../queue/file/cursor-bytes.ts'
import { recordFromBytes, recordToBytes } from '../queue/file/record-format.ts'
import type { StoredDeadLetter } from './dlq.ts'

/**
 * The entries of a dead-letter journal. Each is a byte and then:
 *
 *   1 put      u48 number, u32 length, the letter's fields as JSON in UTF-8 of that length, and its
 *              record (record-format.ts); integers little-endian
 *   2 removed  the numbers of letters, as ranges (cursor-bytes.ts)
 *   3 next     the lowest number not yet given
 *
 * A letter's number is its place in the order of the puts; numbers are never given twice. A put
 * with the id of an earlier letter takes that one's place away.
 */
const putCode = 1
const removedCode = 2
const nextCode = 3

/** Code, number and length. */
const putHeaderBytes = 11

/** What is kept of a letter in memory: enough to find, filter and count it. */
export interface LetterSummary {
  readonly number: number
  readonly id: string
  readonly recordId: string
  readonly target: string
  readonly key: string | undefined
  readonly attemptEpoch: number
  readonly version: bigint
  readonly at: number
  readonly code: string
}

type LetterFields = Omit<StoredDeadLetter, 'record'> &
  Pick<LetterSummary, 'recordId' | 'key' | 'attemptEpoch'> & { readonly version: string }

export type DeadLetterEntry =
  | { readonly kind: 'put'; readonly summary: LetterSummary }
  | { readonly kind: 'removed'; readonly numbers: Iterable<number> }
  | { readonly kind: 'next'; readonly number: number }

/** The entry that puts a letter, still without its number. */
export function encodePut(letter: StoredDeadLetter): Buffer {
  const { record, ...rest } = letter
  const { key, attemptEpoch } = record
  const version = record.version.toString()
  const fields: LetterFields = { ...rest, recordId: record.id, key, attemptEpoch, version }
  const json = Buffer.from(JSON.stringify(fields))
  const header = Buffer.alloc(putHeaderBytes)
  header.writeUInt8(putCode)
  header.writeUInt32LE(json.byteLength, 7)
  return Buffer.concat([header, json, recordToBytes(record)])
}

export function setNumber(put: Buffer, number: number): void {
  put.writeUIntLE(number, 1, 6)
}

export function encodeRemoved(numbers: readonly number[]): Buffer {
  const writer = new ByteWriter()
  writer.number(removedCode)
  writer.ranges(numbers.map((number) => [number, number]))
  return writer.take()
}

export function encodeNext(number: number): Buffer {
  const writer = new ByteWriter()
  writer.number(nextCode)
  writer.number(number)
  return writer.take()
}

/** What an entry says, without its letter's bytes. Throws `ERR_CORRUPT_LOG` if it is malformed. */
export function readEntry(body: Buffer): DeadLetterEntry {
  const reader = new ByteReader(body)
  const code = reader.number()
  if (code === putCode) {
    const { id, recordId, target, key, attemptEpoch, at, code, ...rest } = fieldsOf(body)
    const number = body.readUIntLE(1, 6)
    const version = BigInt(rest.version)
    const summary = { number, id, recordId, target, key, attemptEpoch, version, at, code }
    return { kind: 'put', summary }
  }
  if (code === removedCode) {
    return { kind: 'removed', numbers: [...reader.ranges()].flatMap(numbersIn) }
  }
  if (code === nextCode) return { kind: 'next', number: reader.number() }
  throw new WalError('ERR_FUTURE_FORMAT', `A dead-letter journal has an entry of kind ${code}.`)
}

/** The letter that an entry put. */
export function decodeLetter(body: Buffer): StoredDeadLetter {
  const fields = fieldsOf(body)
  const { id, target, at, code, message, attemptsSpent, attempts, damaged } = fields
  const record = recordFromBytes(body.subarray(putHeaderBytes + body.readUInt32LE(7)))
  const letter = { id, record, target, at, code, message, attemptsSpent, attempts }
  return damaged ? { ...letter, damaged } : letter
}

function fieldsOf(body: Buffer): LetterFields {
  return JSON.parse(body.toString('utf8', putHeaderBytes, putHeaderBytes + body.readUInt32LE(7)))
}

function numbersIn([from, to]: readonly [number, number]): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

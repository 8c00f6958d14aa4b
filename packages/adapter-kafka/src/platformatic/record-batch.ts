import { crc32c } from '@platformatic/kafka'
import type { KafkaMessage } from '../kafka-client.ts'
import { nameBytesOf } from '../kafka-message.ts'

/** Who sends a batch, and which of its batches for the partition this is. */
export interface BatchNumbers {
  readonly producerId: bigint
  readonly producerEpoch: number
  /** The number of its first message among all that this producer has sent to the partition. */
  readonly firstSequence: number
  /** In ms since the Unix epoch. */
  readonly timestamp: number
}

/** Bytes before the first record. */
const headBytes = 61

/** What is not counted in a batch's length: its offset, and the length itself. */
const beforeLength = 12

/** The checksum covers everything from here on. */
const checkedFrom = 21

/**
 * Messages as a batch of records, format 2, uncompressed, as the protocol has it:
 *
 * | at | bytes | field             |   | at | bytes | field            |
 * | -- | ----- | ----------------- | - | -- | ----- | ---------------- |
 * | 0  | 8     | first offset: 0   |   | 27 | 8     | first timestamp  |
 * | 8  | 4     | length behind it  |   | 35 | 8     | latest timestamp |
 * | 12 | 4     | leader epoch: -1  |   | 43 | 8     | producer's id    |
 * | 16 | 1     | format: 2         |   | 51 | 2     | producer's epoch |
 * | 17 | 4     | CRC-32C           |   | 53 | 4     | first sequence   |
 * | 21 | 2     | attributes: none  |   | 57 | 4     | records          |
 * | 23 | 4     | last offset delta |   | 61 |       | the records      |
 *
 * The client's own way makes a dozen small buffers of each message, and looks at all of them again.
 */
export function recordBatchOf(messages: readonly KafkaMessage[], numbers: BatchNumbers): Buffer {
  const lengths = messages.map(lengthOf)
  let total = headBytes
  for (const length of lengths) total += varintBytes(length) + length
  const bytes = Buffer.allocUnsafe(total)
  let at = headBytes
  for (let index = 0; index < messages.length; index++) {
    at = putVarint(bytes, at, lengths[index] as number)
    at = putRecord(bytes, at, messages[index] as KafkaMessage, index)
  }
  putHead(bytes, messages.length, numbers)
  return bytes
}

/** The number that follows on a batch. It is an int32, and goes on with 0. */
export function sequenceAfter(first: number, messages: number): number {
  return (first + messages) % 2 ** 31
}

function putHead(bytes: Buffer, records: number, numbers: BatchNumbers): void {
  const { producerId, producerEpoch, firstSequence } = numbers
  const timestamp = BigInt(numbers.timestamp)
  bytes.writeBigInt64BE(0n, 0)
  bytes.writeInt32BE(bytes.length - beforeLength, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(0, checkedFrom)
  bytes.writeInt32BE(records - 1, 23)
  bytes.writeBigInt64BE(timestamp, 27)
  bytes.writeBigInt64BE(timestamp, 35)
  bytes.writeBigInt64BE(producerId, 43)
  bytes.writeInt16BE(producerEpoch, 51)
  bytes.writeInt32BE(firstSequence, 53)
  bytes.writeInt32BE(records, 57)
  bytes.writeUInt32BE(crc32c(bytes.subarray(checkedFrom)), 17)
}

/** Of a record, without the length itself. */
function lengthOf({ key, value, headers }: KafkaMessage, index: number): number {
  // Attributes and the time behind the first, which are 0.
  let length = 2 + varintBytes(index) + fieldBytes(key) + fieldBytes(value)
  length += varintBytes(headers.size)
  for (const [name, text] of headers) length += fieldBytes(nameBytesOf(name)) + fieldBytes(text)
  return length
}

function putRecord(bytes: Buffer, from: number, message: KafkaMessage, index: number): number {
  const { key, value, headers } = message
  bytes[from] = 0
  bytes[from + 1] = 0
  let at = putVarint(bytes, from + 2, index)
  at = putField(bytes, at, key)
  at = putField(bytes, at, value)
  at = putVarint(bytes, at, headers.size)
  for (const [name, text] of headers) {
    at = putField(bytes, at, nameBytesOf(name))
    at = putField(bytes, at, text)
  }
  return at
}

function fieldBytes(field: Buffer | null): number {
  return field === null ? 1 : varintBytes(field.length) + field.length
}

function putField(bytes: Buffer, at: number, field: Buffer | null): number {
  if (field === null) {
    // -1, zigzag.
    bytes[at] = 1
    return at + 1
  }
  const start = putVarint(bytes, at, field.length)
  bytes.set(field, start)
  return start + field.length
}

/** Bytes of a number from 0 on, zigzag: 7 bits in each of twice the number. */
function varintBytes(number: number): number {
  let count = 1
  for (let rest = number * 2; rest > 0x7f; rest = Math.floor(rest / 0x80)) count++
  return count
}

function putVarint(bytes: Buffer, from: number, number: number): number {
  let at = from
  let rest = number * 2
  while (rest > 0x7f) {
    bytes[at++] = (rest % 0x80) + 0x80
    rest = Math.floor(rest / 0x80)
  }
  bytes[at] = rest
  return at + 1
}

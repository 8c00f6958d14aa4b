import { createRecordsBatch, NumericMap } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import type { KafkaMessage } from '../../src/index.ts'
import {
  type BatchNumbers,
  recordBatchOf,
  sequenceAfter,
} from '../../src/platformatic/record-batch.ts'

const usual: BatchNumbers = {
  producerId: 4_711n,
  producerEpoch: 3,
  firstSequence: 42,
  timestamp: 1_764_000_000_000,
}

function ofLength(length: number | null): Buffer | null {
  return length === null ? null : Buffer.alloc(length, 'abcdefg')
}

function messageOf(key: number | null, value: number | null, ...headers: string[]): KafkaMessage {
  return {
    key: ofLength(key),
    value: ofLength(value),
    headers: new Map(headers.map((name) => [name, Buffer.from(`the ${name}`)])),
  }
}

/** The batch as the client itself makes it. */
function theirs(messages: readonly KafkaMessage[], numbers: BatchNumbers): Buffer {
  const { producerId, producerEpoch, firstSequence, timestamp } = numbers
  const named = messages.map(({ key, value, headers }) => ({
    ...{ topic: 'films', partition: 0, timestamp: BigInt(timestamp) },
    // It takes a null, which is what a missing one is on the wire.
    ...{ key: key as Buffer, value: value as Buffer },
    headers: new Map([...headers].map(([name, text]) => [Buffer.from(name), text])),
  }))
  const sequences = new NumericMap([['films:0', firstSequence]])
  return createRecordsBatch(named, {
    ...{ producerId, producerEpoch, sequences, partitionLeaderEpoch: -1, compression: 'none' },
  }).buffer
}

// Each length where a number begins to take a byte more, and those beside it.
const lengths = [null, 0, 1, 62, 63, 64, 65, 8_190, 8_191, 8_192, 8_193, 1_048_575, 1_048_576]
const names = ['daybook-id', 'daybook-version', 'Sprache', 'Größe', '言語', '']

test.each([
  ['keys of every length', lengths.map((length) => messageOf(length, 5))],
  ['values of every length', lengths.map((length) => messageOf(3, length, 'daybook-id'))],
  ['headers of every name', names.map((_, count) => messageOf(1, 1, ...names.slice(count)))],
  ['200 messages', Array.from({ length: 200 }, (_, n) => messageOf(n % 90, n, `number ${n}`))],
  ['100 headers', [messageOf(null, null, ...Array.from({ length: 100 }, (_, n) => `header ${n}`))]],
])('a batch of %s has the very bytes that @platformatic/kafka itself makes', (_, messages) => {
  expect(recordBatchOf(messages, usual).equals(theirs(messages, usual))).toBe(true)
})

test.each([
  { ...usual, producerId: 2n ** 63n - 1n, producerEpoch: 2 ** 15 - 1 },
  { ...usual, producerId: 0n, producerEpoch: 0, firstSequence: 0, timestamp: 0 },
  { ...usual, firstSequence: 2 ** 31 - 1, timestamp: 2 ** 52 },
])(
  'a batch has its numbers where the protocol has them: $producerId, $firstSequence, $timestamp',
  (numbers) => {
    const messages = [messageOf(3, 10, 'daybook-id')]
    expect(recordBatchOf(messages, numbers).equals(theirs(messages, numbers))).toBe(true)
  },
)

test('sequences of a partition go on with 0 behind the largest int32', () => {
  expect(sequenceAfter(5, 3)).toBe(8)
  expect(sequenceAfter(2 ** 31 - 3, 2)).toBe(2 ** 31 - 1)
  expect(sequenceAfter(2 ** 31 - 2, 3)).toBe(1)
})

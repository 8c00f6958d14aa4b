import { expect, test } from 'vitest'
import { murmur2, partitionOf } from '../src/partitioner.ts'

// From the tests of Kafka's own Java client.
const vectors: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

test('murmur2 gives what the Java client gives', () => {
  expect(vectors.map(([key]) => [key, murmur2(Buffer.from(key))])).toEqual(vectors)
})

test('a key has a partition within the topic, and always the same one', () => {
  for (const [key, hash] of vectors) {
    const partition = partitionOf(Buffer.from(key), 7)
    expect(partition).toBe((hash & 0x7fffffff) % 7)
    expect(partitionOf(Buffer.from(`x${key}`).subarray(1), 7)).toBe(partition)
  }
})

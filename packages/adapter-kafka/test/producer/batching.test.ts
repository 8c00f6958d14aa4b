import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { KafkaClient, KafkaMessage, KafkaSender } from '../../src/index.ts'
import { PartitionPipe } from '../../src/producer/partition-pipe.ts'
import { SenderPool } from '../../src/producer/sender-pool.ts'

const message: KafkaMessage = { key: null, value: Buffer.alloc(400), headers: new Map() }

/** A pipe, and how many messages were in each batch that it sent. A batch is under way until `answer` is called. */
function pipeOf(lingerMs: number) {
  const clock = new VirtualClock()
  const batches: number[] = []
  const waiting: (() => void)[] = []
  const sender: KafkaSender = {
    async send(_, messages) {
      batches.push(messages.length)
      await new Promise<void>((resolve) => waiting.push(resolve))
    },
    async close() {},
  }
  const pool = new SenderPool({ sender: async () => sender } as unknown as KafkaClient)
  const options = {
    clock,
    lingerMs,
    batchBytes: 1_000,
    sendTimeoutMs: 60_000,
    largestBatch: async () => 1_000,
  }
  const pipe = new PartitionPipe({ topic: 'films', partition: 0 }, pool, options)
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return {
    clock,
    batches,
    async add(...bytes: number[]) {
      for (const size of bytes) void pipe.add(message, size)
      await settled()
    },
    async answer() {
      waiting.shift()?.()
      await settled()
    },
    settled,
  }
}

test('a batch holds no more bytes than it may, and one is under way at a time', async () => {
  const { batches, add, answer } = pipeOf(0)
  await add(400, 400, 400, 1_000, 1)
  expect(batches).toEqual([2])
  for (const soFar of [
    [2, 1],
    [2, 1, 1],
    [2, 1, 1, 1],
  ]) {
    await answer()
    expect(batches).toEqual(soFar)
  }
})

test('a batch waits for more for as long as it may linger, and no longer once it is full', async () => {
  const { clock, batches, add, answer, settled } = pipeOf(50)
  await add(400)
  await clock.advance(30)
  await add(400)
  expect(batches).toEqual([])
  await clock.advance(20)
  await settled()
  expect(batches).toEqual([2])
  await answer()
  await add(400, 400, 400)
  expect(batches).toEqual([2, 2])
})

test('without a time to linger what comes while a batch is under way is the next one', async () => {
  const { batches, add, answer } = pipeOf(0)
  await add(1)
  await add(1)
  await add(1, 1)
  expect(batches).toEqual([1])
  await answer()
  expect(batches).toEqual([1, 3])
})

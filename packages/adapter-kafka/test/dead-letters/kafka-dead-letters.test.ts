import { setImmediate as immediate } from 'node:timers/promises'
import { type SendOutcome, WalError } from '@daybook/core'
import { makeDeadLetter, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { kafkaDeadLetterQueue } from '../../src/dead-letters/kafka-dead-letters.ts'
import { letterMessage } from '../../src/dead-letters/letter-message.ts'
import type { KafkaEntry } from '../../src/index.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

test('letters that are kept by nobody are read again, those near each other in one go', async () => {
  const offsets = [0, 3, 150, 900, 901]
  const entries = offsets.map((offset): KafkaEntry => {
    return { ...letterMessage(makeDeadLetter()), offset, timestamp: 0 }
  })
  const reads: (readonly number[])[] = []
  const reader = {
    async *read(_: number, from: number, to: number) {
      if (from < to) reads.push([from, to])
      yield entries.filter(({ offset }) => offset >= from && offset < to)
    },
    async close() {},
  }
  const parts = {
    client: { reader: async () => reader },
    admin: { bounds: async () => [{ first: 0, next: 902 }] },
    context: { clock: new VirtualClock() },
  } as unknown as QueueParts
  const place = { topic: 'films.dead-letters', partition: 0 }
  const queue = kafkaDeadLetterQueue(parts, place, async () => ({ durable: 'yes' }), 0)
  const ids = entries.map(({ key }) => String(key))
  expect((await queue.list({})).letters.map(({ id }) => id)).toEqual(ids)
  expect((await queue.get(ids[3] ?? ''))?.id).toBe(ids[3])
  expect(reads).toEqual([
    [0, 902],
    [0, 151],
    [900, 902],
    [900, 901],
  ])
  await queue.close()
})

test('a letter that others have removed is forgotten also where the mark of that is gone', async () => {
  const clock = new VirtualClock()
  const letter: KafkaEntry = { ...letterMessage(makeDeadLetter()), offset: 0, timestamp: 0 }
  const topic = { entries: [letter], next: 1 }
  let readFrom = -1
  const reader = {
    async *read(_: number, from: number) {
      readFrom = from
      yield topic.entries.filter(({ offset }) => offset >= from)
    },
    async close() {},
  }
  const parts = {
    client: { reader: async () => reader },
    admin: { bounds: async () => [{ first: 0, next: topic.next }] },
    context: { clock },
  } as unknown as QueueParts
  const place = { topic: 'films.dead-letters', partition: 0 }
  const letters = kafkaDeadLetterQueue(parts, place, async () => ({ durable: 'yes' }))
  const count = async () => [...(await letters.count()).values()]
  expect(await count()).toEqual([1])
  expect(await count()).toEqual([1])
  expect(readFrom).toBe(1)
  // Another process removed it, and the topic was compacted twice.
  topic.entries = []
  topic.next = 2
  await clock.advance(25 * 3_600_000)
  expect(await count()).toEqual([])
  await letters.close()
})

test('letters that were listed are given one by one without reading the topic again', async () => {
  const letters = Array.from({ length: 3 }, () => makeDeadLetter())
  const entries = letters.map((letter, offset) => {
    return { ...letterMessage(letter), offset, timestamp: 0 }
  })
  const reads: number[] = []
  const reader = {
    async *read(_: number, from: number, to: number) {
      reads.push(to - from)
      yield entries.slice(from, to)
    },
    async close() {},
  }
  const parts = {
    client: { reader: async () => reader },
    admin: { bounds: async () => [{ first: 0, next: entries.length }] },
    context: { clock: new VirtualClock() },
  } as unknown as QueueParts
  const place = { topic: 'films.dead-letters', partition: 0 }
  const queue = kafkaDeadLetterQueue(parts, place, async () => ({ durable: 'yes' }))
  const ids = letters.map(({ id }) => id)
  expect((await queue.list({})).letters.map(({ id }) => id)).toEqual(ids)
  for (const letter of letters) expect(await queue.get(letter.id)).toEqual(letter)
  // What is asked for is what was put meanwhile, and that is nothing.
  expect(reads.filter((count) => count > 0)).toEqual([3])
  await queue.close()
})

/** A queue of dead letters over a topic of these, which a broker answers for a moment later. */
function queueOver(count: number, outcome: SendOutcome = { durable: 'yes' }) {
  const letters = Array.from({ length: count }, () => makeDeadLetter())
  const entries = letters.map((letter, offset) => {
    return { ...letterMessage(letter), offset, timestamp: 0 }
  })
  const broker = { asked: 0, stored: 0 }
  const parts = {
    client: {
      reader: async () => ({
        async *read(_: number, from: number, to: number) {
          yield entries.slice(from, to)
        },
        async close() {},
      }),
    },
    admin: {
      async bounds() {
        broker.asked++
        await immediate()
        return [{ first: 0, next: entries.length }]
      },
    },
    context: { clock: new VirtualClock() },
  } as unknown as QueueParts
  const place = { topic: 'films.dead-letters', partition: 0 }
  // What is put is stored, and seen by readers only later.
  const queue = kafkaDeadLetterQueue(parts, place, async () => {
    for (let turn = 0; turn < 5; turn++) await immediate()
    if (outcome.durable === 'yes') broker.stored++
    return outcome
  })
  return { queue, broker, ids: letters.map(({ id }) => id) }
}

test('two calls that remove the same letters at once count each of them once', async () => {
  const { queue, broker, ids } = queueOver(5)
  const removed = await Promise.all([queue.remove(ids), queue.remove(ids.slice(2))])
  expect(removed).toEqual([5, 0])
  expect(broker.stored).toBe(5)
  expect(await queue.remove(ids)).toBe(0)
})

test('a call that leaves a letter to another one that removes it says no sooner than that one that it is gone', async () => {
  const { queue, broker, ids } = queueOver(2)
  const first = queue.remove(ids)
  expect(await queue.remove(ids.slice(1))).toBe(0)
  expect(broker.stored).toBe(2)
  expect(await first).toBe(2)
})

test('where a removal fails, so does another call that had left its letters to it', async () => {
  const error = new WalError('ERR_IO', 'The broker is gone.')
  const { queue, ids } = queueOver(2, { durable: 'unknown', error })
  const refused = { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_DLQ_WRITE' }) }
  const calls = [queue.remove(ids), queue.remove(ids.slice(1))]
  expect(await Promise.allSettled(calls)).toEqual([refused, refused])
  expect((await queue.list({})).letters.map(({ id }) => id)).toEqual(ids)
})

test('many who look at the same time ask the broker once for all that wait', async () => {
  const { queue, broker, ids } = queueOver(20)
  const found = await Promise.all(ids.map((id) => queue.get(id)))
  expect(found.map((letter) => letter?.id)).toEqual(ids)
  expect(broker.asked).toBeLessThanOrEqual(2)
})

test('a dead-letter queue that is closed while the broker does not answer ends what is being read', async () => {
  const never = new Promise<never>(() => {})
  const parts = {
    client: { reader: async () => ({ read: () => never, async close() {} }) },
    admin: { bounds: () => never },
    context: { clock: new VirtualClock() },
  } as unknown as QueueParts
  const place = { topic: 'films.dead-letters', partition: 0 }
  const letters = kafkaDeadLetterQueue(parts, place, async () => ({ durable: 'yes' }))
  const lists = [letters.list({}), letters.list({})]
  const answers = Promise.allSettled(lists)
  await letters.close()
  const refused = { status: 'rejected', reason: expect.objectContaining({ code: 'ERR_CLOSED' }) }
  expect(await answers).toEqual([refused, refused])
})

test('a reading of dead letters that hears nothing is given up, and the next call has a new reader', async () => {
  const clock = new VirtualClock()
  const letters = Array.from({ length: 4 }, () => makeDeadLetter())
  const entries = letters.map((letter, offset): KafkaEntry => {
    return { ...letterMessage(letter), offset, timestamp: 0 }
  })
  const lost = Promise.withResolvers<void>()
  let opened = 0
  let closed = 0
  const stalling = {
    failure: new Error('The coordinator is loading'),
    async *read() {
      yield entries.slice(0, 1)
      yield entries.slice(1, 2)
      await lost.promise
      // What a reader finds that was given up is not to be counted.
      yield [{ ...entries[3], key: Buffer.from('late') } as KafkaEntry]
    },
    close: async () => void closed++,
  }
  const sound = {
    async *read(_: number, from: number, to: number) {
      yield entries.slice(from, to)
    },
    close: async () => void closed++,
  }
  const parts = {
    client: { reader: async () => (opened++ === 0 ? stalling : sound) },
    admin: { bounds: async () => [{ first: 0, next: entries.length }] },
    context: { clock },
  } as unknown as QueueParts
  const place = { topic: 'films.dead-letters', partition: 0 }
  const queue = kafkaDeadLetterQueue(parts, place, async () => ({ durable: 'yes' }))
  const waiting = expect(queue.list({})).rejects.toMatchObject({
    code: 'ERR_IO',
    retryable: true,
    message: expect.stringMatching(/films\.dead-letters.*offset 2.*The coordinator is loading/s),
  })
  await clock.advance(60_000)
  await waiting
  expect(closed).toBe(1)
  lost.resolve()
  const ids = letters.map(({ id }) => id)
  expect((await queue.list({})).letters.map(({ id }) => id)).toEqual(ids)
  expect(opened).toBe(2)
  await queue.close()
  expect(clock.pendingTimers).toBe(0)
})

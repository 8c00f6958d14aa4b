import { describe, expect, it } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { type Consumer, type Delivery, noAttempts } from '../../src/consumer/consumer.ts'
import { WalError } from '../../src/errors.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue } from '../../src/queue/queue.ts'
import { systemRandom } from '../../src/random.ts'
import {
  faultyQueue,
  makeDeadLetter,
  makeStoredRecord,
  type QueueFaults,
  queueConformance,
  runConformance,
  type SendFault,
  VirtualClock,
} from '../../src/testing/index.ts'

const broken = new WalError('ERR_IO', 'The disk is gone.')
const clock = new VirtualClock()

describe('faultyQueue', () => {
  it('is a whole queue where there are no faults', async () => {
    const cases = queueConformance({
      create: () => {
        const queue = faultyQueue(memoryQueue({ maxBytes: 4 * 2 ** 20 }), {})
        return { queue: () => queue, crash: () => {} }
      },
      quietMs: 15,
      shortDelayMs: 60,
    })
    expectKept(await runConformance(cases, { concurrency: 20 }))
  })

  it('refuses, loses, lands and repeats what is sent, and answers each in its place', async () => {
    const fates: Readonly<Record<string, SendFault>> = {
      refused: 'refuse',
      lost: 'lose',
      landed: 'land',
      repeated: 'repeat',
    }
    const queue = await opened({ send: ({ key = '' }) => fates[key] })
    const keys = ['refused', 'fine', 'lost', 'landed', 'repeated', 'fine too']
    const outcomes = await send(queue, ...keys)
    expect(outcomes).toEqual(['no', 'yes', 'unknown', 'unknown', 'yes', 'yes'])
    expect(keysOf(await pull(await queue.consumer('target')))).toEqual([
      'fine',
      'landed',
      'repeated',
      'repeated',
      'fine too',
    ])
  })

  it('rejects a pull, and hands out the records at the next', async () => {
    const errors = [broken]
    const queue = await opened({ pull: () => errors.pop() })
    await send(queue, 'a')
    const consumer = await queue.consumer('target')
    await expect(pull(consumer)).rejects.toBe(broken)
    expect(keysOf(await pull(consumer))).toEqual(['a'])
  })

  it('loses acks, so that the records come again', async () => {
    const queue = await opened({ ack: ({ record }) => (record.key === 'a' ? 'lose' : undefined) })
    await send(queue, 'a', 'b')
    const consumer = await queue.consumer('target')
    await consumer.ack(await pull(consumer))
    await consumer.close()
    expect(keysOf(await pull(await queue.consumer('target')))).toEqual(['a'])
  })

  it('rejects an ack, a save and a put of letters, and does nothing of them', async () => {
    const queue = await opened({
      ack: () => broken,
      saveAttempts: () => broken,
      putLetters: () => broken,
    })
    await send(queue, 'a')
    const consumer = await queue.consumer('target')
    const deliveries = await pull(consumer)
    const attempts = { ...noAttempts, spent: 1 }
    await expect(consumer.ack(deliveries)).rejects.toBe(broken)
    const saved = deliveries.map((delivery) => ({ delivery, attempts }))
    await expect(consumer.saveAttempts(saved)).rejects.toBe(broken)
    const letters = await queue.deadLetters()
    await expect(letters?.put([makeDeadLetter()])).rejects.toBe(broken)

    expect(await letters?.list({})).toEqual({ letters: [], next: undefined })
    await consumer.close()
    const [again] = await pull(await queue.consumer('target'))
    expect(again?.attempts).toEqual(noAttempts)
  })

  it('answers late, and keeps the order of what was sent', async () => {
    const delays = [300, 200, 100]
    const queue = await opened({ delayMs: () => delays.shift() ?? 0, clock })
    const sends = ['a', 'b', 'c'].map((key) => send(queue, key))
    await clock.advance(300)
    await Promise.all(sends)
    expect(keysOf(await pull(await queue.consumer('target')))).toEqual(['a', 'b', 'c'])
  })
})

async function opened(faults: QueueFaults): Promise<Queue> {
  const queue = faultyQueue(memoryQueue(), faults)
  await queue.open({
    namespace: 'test',
    targets: ['target'],
    directory: undefined,
    clock,
    random: systemRandom,
    reportError: () => {},
  })
  return queue
}

async function send(queue: Queue, ...keys: readonly string[]): Promise<readonly string[]> {
  const producer = await queue.producer()
  const outcomes = await producer.send(keys.map((key) => makeStoredRecord({ key })))
  return outcomes.map(({ durable }) => durable)
}

function pull(consumer: Consumer): Promise<readonly Delivery[]> {
  const { signal } = new AbortController()
  return consumer.pull({ maxRecords: 100, maxBytes: 2 ** 20, signal })
}

function keysOf(deliveries: readonly Delivery[]): readonly (string | undefined)[] {
  return deliveries.map(({ record }) => record.key)
}

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/clock.ts'
import type { Consumer, Delivery } from '../../src/consumer/consumer.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { Queue, QueueContext } from '../../src/queue/queue.ts'
import { systemRandom } from '../../src/random.ts'
import type { StoredRecord } from '../../src/record.ts'
import { makeStoredRecord, VirtualClock } from '../../src/testing/index.ts'

// What every queue must do is in conformance.test.ts; here is what is this one's own.

describe('memoryQueue', () => {
  it("answers 'no' with ERR_OVERLOADED when it is full, and takes records again after acks", async () => {
    const queue = await opened(memoryQueue({ maxBytes: 2_500 }))
    const record = makeStoredRecord({ payload: new Uint8Array(800) })
    expect(await send(queue, record, record)).toEqual(['yes', 'yes'])
    expect(await send(queue, record)).toEqual(['ERR_OVERLOADED'])

    const [a, b] = [await queue.consumer('a'), await queue.consumer('b')]
    await a.ack(await pull(a))
    expect(await send(queue, record)).toEqual(['ERR_OVERLOADED'])
    await b.ack(await pull(b))
    expect(await send(queue, record)).toEqual(['yes'])
  })

  it('counts delayed records among the bytes it keeps', async () => {
    const clock = new VirtualClock()
    const queue = await opened(memoryQueue({ maxBytes: 1_500 }), { clock })
    const record = makeStoredRecord({ payload: new Uint8Array(800), dueAt: clock.now() + 1_000 })
    expect(await send(queue, record, record)).toEqual(['yes', 'ERR_OVERLOADED'])
  })

  it('lets go of a record once every target has acked it', async () => {
    const queue = await opened(memoryQueue())
    const consumers = [await queue.consumer('a'), await queue.consumer('b')]
    await send(queue, makeStoredRecord())
    const kept = new WeakRef(await pullAndAck(consumers))
    collectGarbage()
    // A turn of the event loop, without which a WeakRef is held.
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(kept.deref()).toBeUndefined()
  })

  it('refuses to serve two namespaces', async () => {
    const queue = await opened(memoryQueue(), { namespace: 'titles' })
    await expect(opened(queue, { namespace: 'orders' })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('"titles"'),
    })
  })

  it('refuses a target it was not opened with', async () => {
    const queue = await opened(memoryQueue())
    await expect(queue.consumer('c')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_TARGET' })
  })

  it('opens nothing while it is closed, and refuses what is sent', async () => {
    const queue = await opened(memoryQueue())
    const producer = await queue.producer()
    await queue.close()
    for (const open of [queue.producer(), queue.consumer('a'), queue.deadLetters()]) {
      await expect(open).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    }
    expect(await producer.send([makeStoredRecord()])).toMatchObject([{ durable: 'no' }])
  })

  it('gives a target that is new at a reopening what is sent from then on', async () => {
    const queue = await opened(memoryQueue(), { targets: ['a'] })
    await send(queue, makeStoredRecord({ key: 'before' }))
    await queue.close()
    await opened(queue, { targets: ['a', 'b'] })
    await send(queue, makeStoredRecord({ key: 'after' }))
    expect(keysOf(await pull(await queue.consumer('a')))).toEqual(['before', 'after'])
    expect(keysOf(await pull(await queue.consumer('b')))).toEqual(['after'])
  })

  it('ends the pull of a consumer whose place another has taken', async () => {
    const queue = await opened(memoryQueue())
    const abandoned = pull(await queue.consumer('a'))
    await queue.consumer('a')
    expect(await abandoned).toEqual([])
  })

  it('is late by a minute at most when the wall clock is set forward', async () => {
    const clock = new VirtualClock()
    const queue = await opened(memoryQueue(), { clock })
    await send(queue, makeStoredRecord({ key: 'in two hours', dueAt: clock.now() + 7_200_000 }))
    const waiting = pull(await queue.consumer('a'))
    await clock.advance(30_000)
    clock.stepWallClock(7_200_000)
    await clock.advance(60_000)
    expect(keysOf(await waiting)).toEqual(['in two hours'])
  })

  it('is not early when the wall clock is set back', async () => {
    const clock = new VirtualClock()
    const queue = await opened(memoryQueue(), { clock })
    const dueAt = clock.now() + 1_000
    await send(queue, makeStoredRecord({ dueAt }))
    const waiting = pull(await queue.consumer('a')).then(() => clock.now())
    await clock.advance(500)
    clock.stepWallClock(-5_000)
    await clock.advance(20_000)
    expect(await waiting).toBe(dueAt)
  })

  it('keeps no timer while no pull waits for one', async () => {
    const clock = new VirtualClock()
    const queue = await opened(memoryQueue(), { clock })
    const consumer = await queue.consumer('a')
    await send(queue, makeStoredRecord({ dueAt: clock.now() + 1_000 }))
    expect(clock.pendingTimers).toBe(0)
    const waiting = pull(consumer)
    await clock.settle()
    expect(clock.pendingTimers).toBe(1)
    await send(queue, makeStoredRecord({ key: 'at once' }))
    expect(keysOf(await waiting)).toEqual(['at once'])
    expect(clock.pendingTimers).toBe(0)
  })

  it('hands out a backlog of delayed records in the order of their delays', async () => {
    const clock = new VirtualClock()
    const queue = await opened(memoryQueue(), { clock })
    const delays = Array.from({ length: 500 }, (_, at) => (at * 7_919) % 500)
    await send(queue, ...delays.map((delay) => makeStoredRecord({ dueAt: clock.now() + delay })))
    await clock.advance(500)
    const due = (await pull(await queue.consumer('a'))).map(({ record }) => record.dueAt ?? 0)
    expect(due).toEqual([...due].sort((a, b) => a - b))
    expect(due).toHaveLength(500)
  })
})

interface Opening {
  readonly clock?: Clock
  readonly namespace?: string
  readonly targets?: readonly string[]
}

async function opened(queue: Queue, opening: Opening = {}): Promise<Queue> {
  const context: QueueContext = {
    namespace: 'test',
    targets: ['a', 'b'],
    directory: undefined,
    clock: new VirtualClock(),
    random: systemRandom,
    reportError: (error) => {
      throw error
    },
    ...opening,
  }
  await queue.open(context)
  return queue
}

/** `'yes'`, or the code of what was wrong. */
async function send(queue: Queue, ...records: readonly StoredRecord[]): Promise<readonly string[]> {
  const outcomes = await (await queue.producer()).send(records)
  return outcomes.map(({ durable, error }) => error?.code ?? durable)
}

function pull(consumer: Consumer): Promise<readonly Delivery[]> {
  const { signal } = new AbortController()
  return consumer.pull({ maxRecords: 1_000, maxBytes: 2 ** 30, signal })
}

/** In a function of its own, so that nothing of the delivery is left on the stack. */
async function pullAndAck(consumers: readonly Consumer[]): Promise<StoredRecord> {
  const records: StoredRecord[] = []
  for (const consumer of consumers) {
    const deliveries = await pull(consumer)
    await consumer.ack(deliveries)
    records.push(...deliveries.map(({ record }) => record))
  }
  const [record] = records
  if (record === undefined) throw new Error('nothing was handed out')
  return record
}

function keysOf(deliveries: readonly Delivery[]): readonly (string | undefined)[] {
  return deliveries.map(({ record }) => record.key)
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

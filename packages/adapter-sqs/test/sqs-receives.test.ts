import { type Consumer, type Delivery, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
})

const keys = 200
const wanted = { maxRecords: 500, maxBytes: 1e9, signal: new AbortController().signal }
const pull = (consumer: Consumer): Promise<readonly Delivery[]> =>
  clock.runUntil(consumer.pull(wanted))

/** A consumer of a queue that holds a record for each of many keys, and what it handed out first. */
async function backlogged(name: string): Promise<{ consumer: Consumer; first: Delivery[] }> {
  const queue = sqsQueue({ client: model, queueUrl: model.createQueue(name) })
  await queue.open({
    ...{ namespace: 'receives', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  })
  const producer = await queue.producer()
  const records = Array.from({ length: keys }, (_, at) =>
    makeStoredRecord({ writtenAt: clock.now(), key: `key ${at}` }),
  )
  await clock.runUntil(producer.send(records))
  const consumer = await queue.consumer('only')
  return { consumer, first: [...(await pull(consumer))] }
}

/** Deletions that are not answered until they are let go. */
function holdDeletions(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  const deleteBatch = model.deleteMessageBatch.bind(model)
  model.deleteMessageBatch = async (input, options) => {
    await promise
    return deleteBatch(input, options)
  }
  return resolve
}

describe('while deletions are under way, a consumer', () => {
  test('of a FIFO queue receives nothing more where as many are held as its receivers take at once', async () => {
    const letGo = holdDeletions()
    const { consumer, first } = await backlogged('slow.fifo')
    // What was asked for before the ack comes first.
    await clock.advance(100)
    const all = [...first, ...(await pull(consumer))]
    const acked = consumer.ack(all)
    const before = all.length
    const pulling = (async () => {
      while (all.length < keys) all.push(...(await consumer.pull(wanted)))
    })()
    await clock.advance(3_000)
    expect(before).toBeGreaterThan(40)
    expect(all).toHaveLength(before)
    letGo()
    await clock.runUntil(Promise.all([acked, pulling]))
    expect(new Set(all.map(({ record: { id } }) => id)).size).toBe(keys)
    await clock.runUntil(consumer.close())
  })

  test('of a standard queue goes on receiving', async () => {
    holdDeletions()
    const { consumer, first } = await backlogged('slow')
    void consumer.ack(first)
    const more: Delivery[] = []
    while (more.length + first.length < keys) more.push(...(await pull(consumer)))
    expect(more.length).toBe(keys - first.length)
  })
})

test('a consumer of a FIFO queue whose target takes its time receives all that is asked for', async () => {
  const { consumer, first } = await backlogged('unacked.fifo')
  const more: Delivery[] = []
  while (more.length + first.length < keys) more.push(...(await pull(consumer)))
  expect(more.length).toBe(keys - first.length)
  await clock.runUntil(consumer.close())
})

/** Counts the receives that are under way. */
function countReceives(): { now: number; most: number } {
  const counts = { now: 0, most: 0 }
  const receive = model.receiveMessage.bind(model)
  model.receiveMessage = async (input, options) => {
    counts.most = Math.max(counts.most, ++counts.now)
    // By the service's own time, without which none would meet another.
    await new Promise<void>((resolve) => clock.setTimer(5, resolve))
    return receive(input, options).finally(() => counts.now--)
  }
  return counts
}

test.each([
  { name: 'idle', receivers: 8 },
  { name: 'idle.fifo', receivers: 4 },
])(
  'a consumer of the queue $name has $receivers receives under way while there is a backlog, and one from then on',
  async ({ name, receivers }) => {
    const counts = countReceives()
    const { consumer, first } = await backlogged(name)
    const all = [...first]
    while (all.length < keys) all.push(...(await pull(consumer)))
    expect(counts.most).toBe(receivers)
    await clock.runUntil(consumer.ack(all))
    const waiting = consumer.pull(wanted)
    // Those of the backlog wait for what does not come.
    await clock.advance(10_000)
    counts.most = 0
    await clock.advance(60_000)
    expect(counts.most).toBe(1)
    await clock.runUntil(consumer.close())
    expect(await waiting).toEqual([])
  },
)

import { type Queue, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type PayloadStore, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
let firstUrl: string
let errors: string[]
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  queueUrl = model.createQueue('records.fifo')
  firstUrl = model.createQueue('first.fifo')
  errors = []
})

async function openQueue(options: Partial<SqsQueueOptions> = {}): Promise<Queue> {
  const targetQueueUrls = { first: firstUrl }
  const queue = sqsQueue({ client: model, queueUrl, targetQueueUrls, ...options })
  await queue.open({
    ...{
      namespace: 'forwarding',
      targets: Object.keys(options.targetQueueUrls ?? targetQueueUrls),
      directory: undefined,
      clock,
    },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  return queue
}

/** A store in memory. */
function memoryStore(): PayloadStore & { readonly names: ReadonlyMap<string, Uint8Array> } {
  const names = new Map<string, Uint8Array>()
  return {
    names,
    put: async (name, bytes) => void names.set(name, bytes),
    get: async (name) => names.get(name),
    delete: async (name) => void names.delete(name),
  }
}

const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }

describe('the forwarder', () => {
  test('keeps the body in the store while SQS has not deleted its message', async () => {
    const store = memoryStore()
    const deletes = model.deleteMessageBatch.bind(model)
    let refusals = 0
    model.deleteMessageBatch = async (input, options) => {
      if (input.QueueUrl !== queueUrl || refusals > 0) return deletes(input, options)
      refusals++
      return { Successful: [], Failed: [{ Id: '0', Code: 'InternalError', SenderFault: false }] }
    }
    const queue = await openQueue({ store })
    const payload = new Uint8Array(400_000).fill(7)
    const record = makeStoredRecord({ writtenAt: clock.now(), key: 'a', payload })
    await clock.runUntil((await queue.producer()).send([record]))
    const consumer = await queue.consumer('first')
    const [delivery] = await clock.runUntil(consumer.pull(pulling))
    expect(delivery?.record.id).toBe(record.id)
    await clock.runUntil(consumer.ack(delivery ? [delivery] : []))
    // Forwarded again once it is visible: FIFO drops that copy, and a body that is gone would be none.
    await clock.advance(60_000)
    expect(refusals).toBe(1)
    expect(errors).toEqual([expect.stringContaining('InternalError')])
    expect(model.size(queueUrl)).toBe(0)
    expect(model.size(firstUrl)).toBe(0)
    await clock.runUntil(consumer.close())
  })

  test('forwards the other keys while the store does not give one body', async () => {
    const store = memoryStore()
    const get = store.get
    const queue = await openQueue({ store })
    const payload = new Uint8Array(400_000).fill(7)
    const large = makeStoredRecord({ writtenAt: clock.now(), key: 'a', payload })
    const small = makeStoredRecord({ writtenAt: clock.now(), key: 'b' })
    await clock.runUntil((await queue.producer()).send([large, small]))
    store.get = () => Promise.reject(new Error('the store is down'))
    const consumer = await queue.consumer('first')
    const [first] = await clock.runUntil(consumer.pull(pulling))
    expect(first?.record.id).toBe(small.id)
    expect(errors[0]).toContain('The store did not answer')
    store.get = get
    const [second] = await clock.runUntil(consumer.pull(pulling), { withinMs: 60_000 })
    expect(second?.record.id).toBe(large.id)
    await clock.runUntil(consumer.close())
  })

  test('asks the store once for each body, however many targets it is copied for', async () => {
    const store = memoryStore()
    const [secondUrl, get, put] = [model.createQueue('second.fifo'), store.get, store.put]
    const asked: string[] = []
    const copies: string[] = []
    const queue = await openQueue({
      targetQueueUrls: { first: firstUrl, second: secondUrl },
      store: {
        ...store,
        get: async (name) => {
          asked.push(name)
          return get(name)
        },
        put: async (name, bytes) => {
          copies.push(name)
          await put(name, bytes)
        },
      },
    })
    const payload = new Uint8Array(400_000).fill(7)
    const records = [1, 2].map(() =>
      makeStoredRecord({ writtenAt: clock.now(), key: 'a', payload }),
    )
    await clock.runUntil((await queue.producer()).send(records))
    const written = [...store.names.keys()]
    const consumer = await queue.consumer('first')
    const deliveries = []
    while (deliveries.length < 2) deliveries.push(...(await clock.runUntil(consumer.pull(pulling))))
    expect(deliveries.map(({ record }) => record)).toEqual(records)
    expect(asked.filter((name) => written.includes(name))).toEqual(written)
    // Each target has a body of its own.
    expect(copies).toHaveLength(written.length * 3)
    await clock.runUntil(queue.close())
  })

  test('forwards what came at the end of the longest wait at once', async () => {
    const queue = await openQueue({ waitMs: 20_000 })
    const consumer = await queue.consumer('first')
    await clock.advance(19_500)
    const record = makeStoredRecord({ writtenAt: clock.now(), key: 'a' })
    await clock.runUntil((await queue.producer()).send([record]))
    await clock.advance(2_000)
    expect(model.size(queueUrl)).toBe(0)
    expect(model.size(firstUrl)).toBe(1)
    await clock.runUntil(consumer.close())
  })

  test('deletes in one call what it has copied in one', async () => {
    const deletes = model.deleteMessageBatch.bind(model)
    const lots: number[] = []
    model.deleteMessageBatch = async (input, options) => {
      if (input.QueueUrl === queueUrl) lots.push(input.Entries.length)
      return deletes(input, options)
    }
    const queue = await openQueue()
    const records = Array.from({ length: 10 }, (_, at) =>
      makeStoredRecord({ writtenAt: clock.now(), key: `key ${at}` }),
    )
    await clock.runUntil((await queue.producer()).send(records))
    const consumer = await queue.consumer('first')
    const deliveries = await clock.runUntil(consumer.pull(pulling))
    expect(deliveries).toHaveLength(10)
    await clock.advance(1_000)
    expect(lots).toEqual([10])
    expect(model.size(queueUrl)).toBe(0)
    await clock.runUntil(consumer.close())
  })
})

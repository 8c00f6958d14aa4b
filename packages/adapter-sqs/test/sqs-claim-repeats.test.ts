import { type Delivery, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test, vi } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { rememberingStore } from '../src/remembering-store.ts'
import { SqsModel } from '../src/testing/index.ts'
import { storeIn } from './support/store-in.ts'

/** A model that keeps what the first deletion from one of its queues names: it comes once more. Tells of what it was sent. */
function keepingFirst(clock: VirtualClock, name: string) {
  const model = new SqsModel({ clock })
  const [deletes, sends] = [
    model.deleteMessageBatch.bind(model),
    vi.spyOn(model, 'sendMessageBatch'),
  ]
  let hasKept = false
  model.deleteMessageBatch = async (input) => {
    if (hasKept || !input.QueueUrl.endsWith(name)) return deletes(input)
    hasKept = true
    return { Successful: input.Entries.map(({ Id }) => ({ Id })) }
  }
  const sentTo = (url: string): number =>
    sends.mock.calls
      .filter(([{ QueueUrl }]) => QueueUrl === url)
      .reduce((sum, [{ Entries }]) => sum + Entries.length, 0)
  return { model, sentTo }
}

test.each([
  { kept: 'records', fansOut: false },
  { kept: 'records', fansOut: true },
  { kept: 'first', fansOut: true },
])(
  'a large record that came to its end is none that cannot be read as SQS gives its message once more: %o',
  async ({ kept, fansOut }) => {
    const clock = new VirtualClock()
    const { model, sentTo } = keepingFirst(clock, kept)
    const bodies = new Map<string, Uint8Array>()
    const store = storeIn(bodies)
    const [queueUrl, firstUrl] = [model.createQueue('records'), model.createQueue('first')]
    const targets = fansOut ? { targetQueueUrls: { first: firstUrl } } : {}
    const queue = sqsQueue({ client: model, queueUrl, store, ...targets })
    const errors: string[] = []
    await queue.open({
      ...{ namespace: 'large', targets: ['first'], directory: undefined, clock },
      ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
    })
    const large = makeStoredRecord({ key: 'a', payload: new Uint8Array(400_000) })
    await clock.runUntil((await queue.producer()).send([large]))
    const consumer = await queue.consumer('first')
    const { signal } = new AbortController()
    const pulling = { maxRecords: 10, maxBytes: 1e9, signal }
    const first = await clock.runUntil(consumer.pull(pulling))
    await clock.runUntil(consumer.ack(first))
    const pulled = consumer.pull(pulling)
    await clock.advance(60_000)
    const small = makeStoredRecord({ key: 'b', writtenAt: clock.now() })
    await clock.runUntil((await queue.producer()).send([small]))
    const next = await clock.runUntil(pulled)
    const ids = [...first, ...next].map(({ record: { id } }) => id)
    expect(ids).toEqual([large.id, small.id])
    // The small one alone: it is not acked.
    expect(model.size(queueUrl) + model.size(firstUrl)).toBe(1)
    expect(sentTo(firstUrl)).toBe(fansOut ? 2 : 0)
    await clock.runUntil(queue.close())
    expect([errors, bodies.size]).toEqual([[], 0])
  },
)

test.each([{ targets: ['only'] }, { targets: ['first', 'second'] }])(
  'a large record whose body somebody else removed is told of to each target, as one that cannot be read: $targets',
  async ({ targets }) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const bodies = new Map<string, Uint8Array>()
    const store = storeIn(bodies)
    const queueUrl = model.createQueue('records')
    const urls = Object.fromEntries(targets.map((name) => [name, model.createQueue(name)]))
    const fanOut = targets.length > 1 ? { targetQueueUrls: urls } : {}
    const queue = sqsQueue({ client: model, queueUrl, store, ...fanOut })
    await queue.open({
      ...{ namespace: 'large', targets, directory: undefined, clock },
      ...{ random: systemRandom, reportError: () => {} },
    })
    const large = makeStoredRecord({ key: 'a', payload: new Uint8Array(400_000) })
    await clock.runUntil((await queue.producer()).send([large]))
    bodies.clear()
    // One target is through with it before the next begins.
    for (const target of targets) {
      const consumer = await queue.consumer(target)
      const { signal } = new AbortController()
      const pulled = consumer.pull({ maxRecords: 10, maxBytes: 1e9, signal })
      let seen: readonly Delivery[] = []
      void pulled.then((deliveries) => (seen = deliveries))
      await clock.advance(60_000)
      expect(seen.map(({ unreadable }) => unreadable?.code)).toEqual(['ERR_UNDECODABLE'])
      await clock.runUntil(consumer.ack(seen))
    }
    await clock.runUntil(queue.close())
  },
)

test.each(['records', 'records.fifo'])(
  'a large record whose message one receive of the forwarder brings twice is copied once: %s',
  async (name) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const [queueUrl, firstUrl] = [model.createQueue(name), model.createQueue(`first-${name}`)]
    const receive = model.receiveMessage.bind(model)
    model.receiveMessage = async (input, options) => {
      const { Messages = [] } = await receive(input, options)
      return { Messages: input.QueueUrl === queueUrl ? [...Messages, ...Messages] : Messages }
    }
    const bodies = new Map<string, Uint8Array>()
    const store = storeIn(bodies)
    const targetQueueUrls = { first: firstUrl }
    const queue = sqsQueue({ client: model, queueUrl, store, targetQueueUrls })
    const errors: string[] = []
    await queue.open({
      ...{ namespace: 'large', targets: ['first'], directory: undefined, clock },
      ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
    })
    const large = makeStoredRecord({ key: 'a', payload: new Uint8Array(400_000) })
    await clock.runUntil((await queue.producer()).send([large]))
    const consumer = await queue.consumer('first')
    await clock.advance(60_000)
    const { signal } = new AbortController()
    const pulled = await clock.runUntil(consumer.pull({ maxRecords: 10, maxBytes: 1e9, signal }))
    expect(pulled.map(({ record, unreadable }) => [record.id, unreadable])).toEqual([
      [large.id, undefined],
    ])
    expect([model.size(queueUrl), model.size(firstUrl), errors]).toEqual([0, 1, []])
    await clock.runUntil(consumer.ack(pulled))
    expect(bodies.size).toBe(0)
    await clock.runUntil(queue.close())
  },
)

test('of what a store was told to delete the last 10,000 names are remembered', async () => {
  const nothing = async () => undefined
  const store = rememberingStore({ put: nothing, get: nothing, delete: nothing })
  for (let at = 0; at <= 10_000; at++) await store.delete(`${at}`)
  const known = ['0', '1', '10000', 'other'].map((name) => store.wasDeleted?.(name))
  expect(known).toEqual([false, true, true, false])
})

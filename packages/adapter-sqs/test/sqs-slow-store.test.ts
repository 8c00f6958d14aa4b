import { type Delivery, type Queue, type StoredRecord, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type PayloadStore, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
let errors: string[]
let bodies: Map<string, Uint8Array>
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  errors = []
  bodies = new Map()
})

/** A store that takes so long for each body that it gives. */
const slowStore = (readMs: number): PayloadStore => ({
  put: async (name, bytes) => void bodies.set(name, bytes),
  get: async (name) => {
    await new Promise<void>((resolve) => clock.setTimer(readMs, resolve))
    return bodies.get(name)
  },
  delete: async (name) => void bodies.delete(name),
})

async function openQueue(options: SqsQueueOptions): Promise<Queue> {
  const queue = sqsQueue({ visibilityMs: 9_000, ...options })
  await queue.open({
    ...{ namespace: 'large', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  return queue
}

const large = (fields: Partial<StoredRecord> = {}): StoredRecord =>
  makeStoredRecord({ writtenAt: clock.now(), payload: new Uint8Array(400_000), ...fields })
const small = (key: string): StoredRecord => makeStoredRecord({ writtenAt: clock.now(), key })
const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }
const idsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ record: { id } }) => id)

const queues = ['', '.fifo'].flatMap((suffix) =>
  [false, true].map((fansOut) => ({ suffix, fansOut })),
)
const options = (suffix: string, fansOut: boolean): SqsQueueOptions => ({
  client: model,
  queueUrl: model.createQueue(`records${suffix}`),
  ...(fansOut ? { targetQueueUrls: { only: model.createQueue(`only${suffix}`) } } : {}),
  ...(suffix === '' ? {} : { delayQueueUrl: model.createQueue('delays') }),
})

describe('a store that takes longer for a body than messages are hidden', () => {
  test.each(queues)(
    'is waited for, and keeps nothing else: records$suffix, copied from: $fansOut',
    async ({ suffix, fansOut }) => {
      const queue = await openQueue({ ...options(suffix, fansOut), store: slowStore(25_000) })
      const [one, other] = [large({ key: 'a' }), small('b')]
      await clock.runUntil((await queue.producer()).send([one, other]))
      const consumer = await queue.consumer('only')
      const startedAt = clock.monotonic()
      const first = await clock.runUntil(consumer.pull(pulling))
      expect(idsOf(first)).toEqual([other.id])
      expect(clock.monotonic() - startedAt).toBeLessThan(1_000)
      await clock.runUntil(consumer.ack(first))
      const second = await clock.runUntil(consumer.pull(pulling), { withinMs: 120_000 })
      expect([idsOf(second), second[0]?.handOuts]).toEqual([[one.id], 1])
      await clock.runUntil(consumer.ack(second))
      await clock.runUntil(consumer.close())
      expect([errors, bodies.size]).toEqual([[], 0])
    },
  )

  test('is waited for while several of a key are copied one after the other', async () => {
    const queue = await openQueue({ ...options('.fifo', true), store: slowStore(8_000) })
    const hands = { out: 0 }
    const receive = model.receiveMessage.bind(model)
    model.receiveMessage = async (input, call) => {
      const output = await receive(input, call)
      if (input.QueueUrl.includes('records')) hands.out += output.Messages?.length ?? 0
      return output
    }
    const records = [1, 2, 3, 4].map(() => large({ key: 'a' }))
    await clock.runUntil((await queue.producer()).send(records))
    const consumer = await queue.consumer('only')
    const ids: string[] = []
    while (ids.length < records.length) {
      const deliveries = await clock.runUntil(consumer.pull(pulling), { withinMs: 120_000 })
      ids.push(...idsOf(deliveries))
      await clock.runUntil(consumer.ack(deliveries))
    }
    await clock.advance(20_000)
    await clock.runUntil(consumer.close())
    expect([ids, hands.out]).toEqual([records.map(({ id }) => id), records.length])
    expect([errors, bodies.size]).toEqual([[], 0])
  })

  test('is waited for at closing, and what it gives goes back to the queue', async () => {
    const given = options('', false)
    const queue = await openQueue({ ...given, store: slowStore(25_000) })
    const record = large()
    await clock.runUntil((await queue.producer()).send([record]))
    const consumer = await queue.consumer('only')
    const pulled = consumer.pull(pulling)
    await clock.advance(1_000)
    await clock.runUntil(consumer.close(), { withinMs: 60_000 })
    expect(await pulled).toEqual([])
    const next = await (await openQueue({ ...given, store: slowStore(0) })).consumer('only')
    const closedAt = clock.monotonic()
    expect(idsOf(await clock.runUntil(next.pull(pulling)))).toEqual([record.id])
    expect(clock.monotonic() - closedAt).toBeLessThan(1_000)
    await clock.runUntil(next.close())
    expect(errors).toEqual([])
  })

  test.each(['', '.fifo'])(
    'and messages that cannot be hidden meanwhile: one that was read too late is handed out once: records%s',
    async (suffix) => {
      model.changeMessageVisibilityBatch = () => Promise.reject(new Error('no route to host'))
      let readMs = 12_000
      const store: PayloadStore = {
        ...slowStore(0),
        get: (name) => {
          const { get } = slowStore(readMs)
          readMs = 0
          return get(name)
        },
      }
      const queue = await openQueue({ ...options(suffix, false), store })
      const producer = await queue.producer()
      const [one, next] = [large({ key: 'a' }), small('b')]
      await clock.runUntil(producer.send([one]))
      const consumer = await queue.consumer('only')
      const again = await clock.runUntil(consumer.pull(pulling))
      expect([idsOf(again), again[0]?.handOuts]).toEqual([[one.id], 2])
      await clock.runUntil(consumer.ack(again))
      const pulled = consumer.pull(pulling)
      // The first reading ends.
      await clock.advance(5_000)
      await clock.runUntil(producer.send([next]))
      expect(idsOf(await clock.runUntil(pulled))).toEqual([next.id])
      await clock.runUntil(consumer.close())
    },
  )

  test('and nearly as long as they are hidden for certain: the lease ends when that does', async () => {
    model.changeMessageVisibilityBatch = () => Promise.reject(new Error('no route to host'))
    const queue = await openQueue({ ...options('.fifo', false), store: slowStore(8_800) })
    await clock.runUntil((await queue.producer()).send([large({ key: 'a' })]))
    const consumer = await queue.consumer('only')
    const startedAt = clock.monotonic()
    const [delivery] = await clock.runUntil(consumer.pull(pulling))
    expect(delivery?.lease?.aborted).toBe(false)
    await clock.advance(startedAt + 9_000 - clock.monotonic())
    expect(delivery?.lease?.aborted).toBe(true)
    await clock.runUntil(consumer.close())
  })

  test('is waited for where the record was delayed on a FIFO queue', async () => {
    const queue = await openQueue({ ...options('.fifo', false), store: slowStore(25_000) })
    const record = large({ key: 'a', dueAt: clock.now() + 5_000 })
    await clock.runUntil((await queue.producer()).send([record]))
    const consumer = await queue.consumer('only')
    const deliveries = await clock.runUntil(consumer.pull(pulling), { withinMs: 120_000 })
    expect(idsOf(deliveries)).toEqual([record.id])
    await clock.runUntil(consumer.ack(deliveries))
    await clock.runUntil(consumer.close())
    expect(errors).toEqual([])
  })
})

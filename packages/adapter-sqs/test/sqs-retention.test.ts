import {
  type AttemptState,
  type Consumer,
  type Delivery,
  noAttempts,
  type Queue,
  type RetentionRisk,
  type StoredRecord,
  systemRandom,
} from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type PayloadStore, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
/** Half of it is over before the eleven hours after which a message is sent anew in any case. */
const retentionMs = 12 * hourMs

let clock: VirtualClock
let model: SqsModel
let risks: RetentionRisk[]
let errors: string[]
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  risks = []
  errors = []
})

async function openQueue(queueUrl: string, options: Partial<SqsQueueOptions> = {}): Promise<Queue> {
  const queue = sqsQueue({ client: model, queueUrl, waitMs: 20_000, ...options })
  await queue.open({
    ...{ namespace: 'aging', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
    retentionAtRisk: (risk) => risks.push(risk),
  })
  return queue
}

async function send(queue: Queue, records: readonly StoredRecord[]): Promise<void> {
  const outcomes = await clock.runUntil((await queue.producer()).send(records))
  expect(outcomes.map(({ durable }) => durable)).toEqual(records.map(() => 'yes'))
}

const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }
const pull = (consumer: Consumer): Promise<readonly Delivery[]> =>
  clock.runUntil(consumer.pull(pulling), { withinMs: 5 * minuteMs })

async function pullAll(consumer: Consumer, count: number): Promise<readonly Delivery[]> {
  const all: Delivery[] = []
  while (all.length < count) all.push(...(await pull(consumer)))
  return all
}

const record = (fields: Partial<StoredRecord> = {}): StoredRecord =>
  makeStoredRecord({ writtenAt: clock.now(), key: 'same', ...fields })
const idsOf = (deliveries: readonly Delivery[]): readonly string[] =>
  deliveries.map(({ record: { id } }) => id)

const attempts: AttemptState = {
  ...{ spent: 3, interrupted: 0, notBefore: 1 },
  history: [
    {
      ...{ at: 5, durationMs: 7, target: 'only', class: 'transient' },
      ...{ code: 'BUSY', message: 'Try later \uffff' },
    },
  ],
}

describe('a standard queue whose target is not done', () => {
  test('sends anew, with its attempts, what is held at half of the retention', async () => {
    const queue = await openQueue(model.createQueue('records', { retentionMs }))
    const sent = record()
    await send(queue, [sent])
    const consumer = await queue.consumer('only')
    let [delivery] = await pull(consumer)
    for (let halves = 0; halves < 4; halves++) {
      await consumer.saveAttempts(delivery ? [{ delivery, attempts }] : [])
      await clock.advance(retentionMs / 2 - hourMs)
      if (halves === 0) expect(risks).toEqual([])
      await clock.advance(hourMs + 2 * minuteMs)
      expect(delivery?.lease?.aborted).toBe(true)
      delivery = (await pull(consumer))[0]
      expect(delivery?.record.id).toBe(sent.id)
      expect(delivery?.attempts).toEqual(attempts)
    }
    const [first] = risks
    expect(first).toEqual({ target: 'only', waitedMs: expect.any(Number), retentionMs })
    expect(first?.waitedMs).toBeGreaterThanOrEqual(retentionMs / 2)
    expect(risks).toHaveLength(4)
    await consumer.ack(delivery ? [delivery] : [])
    await clock.runUntil(consumer.close())
    expect(errors).toEqual([])
  }, 60_000)

  test('sends anew, with its attempts, what is held for eleven hours, before SQS shows it to others', async () => {
    const url = model.createQueue('records', { retentionMs: 14 * 24 * hourMs })
    const queue = await openQueue(url)
    await send(queue, [record()])
    const consumer = await queue.consumer('only')
    const [delivery] = await pull(consumer)
    await consumer.saveAttempts(delivery ? [{ delivery, attempts }] : [])
    await clock.advance(11 * hourMs - minuteMs)
    expect(delivery?.lease?.aborted).toBe(false)
    await clock.advance(3 * minuteMs)
    expect(delivery?.lease?.aborted).toBe(true)
    // Another process, which knows of the attempts by the message alone.
    const other = await (await openQueue(url)).consumer('only')
    const [again] = await pull(other)
    expect([again?.attempts, again?.handOuts]).toEqual([attempts, 1])
    await clock.runUntil(other.ack(again ? [again] : []))
    expect(model.size(url)).toBe(0)
    await clock.runUntil(consumer.close())
    await clock.runUntil(other.close())
    expect([risks, errors]).toEqual([[], []])
  }, 60_000)

  test('sends anew what nobody pulls', async () => {
    const url = model.createQueue('records', { retentionMs })
    const queue = await openQueue(url)
    const records = Array.from({ length: 45 }, () => record())
    await send(queue, records)
    const consumer = await queue.consumer('only')
    const held = await pull(consumer)
    // The target is down: nothing is pulled, for longer than SQS keeps anything.
    await clock.advance(3 * retentionMs)
    expect(model.size(url)).toBe(records.length)
    const again = await pullAll(consumer, records.length)
    expect([...idsOf(again)].sort()).toEqual(records.map(({ id }) => id).sort())
    expect(held.length).toBeGreaterThan(0)
    await clock.runUntil(consumer.close())
    expect(errors).toEqual([])
  }, 60_000)

  test('renews nothing of a young backlog', async () => {
    const url = model.createQueue('records', { retentionMs })
    const queue = await openQueue(url)
    await send(
      queue,
      Array.from({ length: 25 }, () => record()),
    )
    const consumer = await queue.consumer('only')
    await pull(consumer)
    let sends = 0
    model.sendMessageBatch = async () => {
      sends++
      return {}
    }
    await clock.advance(5.5 * hourMs)
    expect(sends).toBe(0)
    expect(risks).toEqual([])
    await clock.runUntil(consumer.close())
  })
})

describe('a FIFO queue whose target is not done', () => {
  test('warns once at half of the retention, and sends nothing anew', async () => {
    const queue = await openQueue(model.createQueue('records.fifo', { retentionMs }))
    const records = [record(), record(), record()]
    await send(queue, records)
    let sends = 0
    const sendBatch = model.sendMessageBatch.bind(model)
    model.sendMessageBatch = (input, options) => {
      sends++
      return sendBatch(input, options)
    }
    const consumer = await queue.consumer('only')
    const held = await pull(consumer)
    await clock.advance(5.9 * hourMs)
    expect(risks).toEqual([])
    await clock.advance(hourMs)
    expect(risks).toEqual([{ target: 'only', waitedMs: expect.any(Number), retentionMs }])
    expect(held.map(({ lease }) => lease?.aborted)).toEqual([false, false, false])
    expect(sends).toBe(0)
    await clock.runUntil(consumer.close())
  }, 60_000)

  test('counts the attempts on where the twelve hours of a lease are over', async () => {
    const queue = await openQueue(
      model.createQueue('records.fifo', { retentionMs: 14 * 24 * hourMs }),
    )
    await send(queue, [record()])
    const consumer = await queue.consumer('only')
    const [delivery] = await pull(consumer)
    await consumer.saveAttempts(delivery ? [{ delivery, attempts }] : [])
    await clock.advance(13 * hourMs)
    expect(delivery?.lease?.aborted).toBe(true)
    expect((await pull(consumer))[0]?.attempts).toEqual(attempts)
    await clock.runUntil(consumer.close())
  }, 60_000)
})

describe('attempts on a standard queue', () => {
  const names = new Map<string, Uint8Array>()
  const store: PayloadStore = {
    put: async (name, bytes) => void names.set(name, bytes),
    get: async (name) => names.get(name),
    delete: async (name) => void names.delete(name),
  }

  test.each([
    { size: 'small', bytes: 10 },
    { size: 'claimed', bytes: 400_000 },
  ])('outlive a restart of the consumer, for a $size record', async ({ bytes }) => {
    const queue = await openQueue(model.createQueue('records'), { store })
    const [tried, untried] = [record({ payload: new Uint8Array(bytes) }), record()]
    await send(queue, [tried, untried])
    const consumer = await queue.consumer('only')
    const deliveries = await pullAll(consumer, 2)
    const first = deliveries.filter(({ record: { id } }) => id === tried.id)
    await consumer.saveAttempts(first.map((delivery) => ({ delivery, attempts })))
    await clock.runUntil(consumer.close())
    const next = await queue.consumer('only')
    const again = await pullAll(next, 2)
    const came = new Map(again.map(({ record: { id }, attempts }) => [id, attempts]))
    expect(came.get(tried.id)).toEqual(attempts)
    expect(came.get(untried.id)).toEqual(noAttempts)
    await clock.runUntil(next.ack(again))
    await clock.runUntil(next.close())
    expect(names.size).toBe(0)
    expect(errors).toEqual([])
  })

  test('have room in the message of a record of any size', async () => {
    const queue = await openQueue(model.createQueue('records'), { maxMessageBytes: 1_024 })
    const records = Array.from({ length: 200 }, (_, at) =>
      record({ payload: new Uint8Array(240 + 3 * at) }),
    )
    const outcomes = await clock.runUntil((await queue.producer()).send(records))
    const stored = records.filter((_, at) => outcomes[at]?.durable === 'yes')
    expect(new Set(outcomes.map(({ error }) => error?.code))).toContain('ERR_PAYLOAD_TOO_LARGE')
    const consumer = await queue.consumer('only')
    const large = Number.MAX_SAFE_INTEGER
    const most = {
      spent: large,
      interrupted: large,
      notBefore: 1_764_313_932_123.4568,
      history: [],
    }
    const deliveries = await pullAll(consumer, stored.length)
    await consumer.saveAttempts(deliveries.map((delivery) => ({ delivery, attempts: most })))
    await clock.runUntil(consumer.close())
    const next = await queue.consumer('only')
    const again = await pullAll(next, stored.length)
    expect(again.filter(({ attempts: { spent } }) => spent !== large)).toEqual([])
    await clock.runUntil(next.close())
  })

  test('go as numbers alone where the message would be too large with their history', async () => {
    const queue = await openQueue(model.createQueue('records'), { maxMessageBytes: 1_024 })
    await send(queue, [record()])
    const consumer = await queue.consumer('only')
    const [delivery] = await pull(consumer)
    const history = attempts.history.map((one) => ({ ...one, message: 'x'.repeat(1_000) }))
    const long = { ...attempts, history }
    await consumer.saveAttempts(delivery ? [{ delivery, attempts: long }] : [])
    await clock.runUntil(consumer.close())
    const next = await queue.consumer('only')
    expect((await pull(next))[0]?.attempts).toEqual({ ...attempts, history: [] })
    await clock.runUntil(next.close())
  })

  test('come with a record that was given back for longer than SQS keeps a message', async () => {
    const queue = await openQueue(model.createQueue('records', { retentionMs: 10 * minuteMs }))
    await send(queue, [record()])
    const consumer = await queue.consumer('only')
    const [delivery] = await pull(consumer)
    const delayMs = 42 * minuteMs
    const backAt = clock.now() + delayMs
    await consumer.release(delivery ? [{ delivery, attempts, delayMs }] : [])
    const [again] = await clock.runUntil(consumer.pull(pulling), { withinMs: hourMs })
    expect(clock.now()).toBeGreaterThanOrEqual(backAt)
    expect(clock.now()).toBeLessThan(backAt + 1_000)
    expect(again?.attempts).toEqual(attempts)
    await clock.runUntil(consumer.close())
    expect(errors).toEqual([])
  }, 60_000)
})

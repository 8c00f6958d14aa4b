import { type Consumer, type Queue, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { type PayloadStore, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { encodeEnvelope } from '../src/sqs-envelope.ts'
import { SqsModel } from '../src/testing/index.ts'

const minuteMs = 60_000

async function opened(
  clock: VirtualClock,
  isFifo: boolean,
  retentionMs = 345_600_000,
  more: Partial<SqsQueueOptions> = {},
) {
  const model = new SqsModel({ clock })
  const sends: string[] = []
  const send = model.sendMessageBatch.bind(model)
  let held: Promise<void> | undefined
  model.sendMessageBatch = async (input, options) => {
    sends.push(input.QueueUrl)
    await held
    return send(input, options)
  }
  /** From now on no send is answered before it is let go. */
  const holdSends = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    held = promise
    return resolve
  }
  const name = isFifo ? 'records.fifo' : 'records'
  const queueUrl = model.createQueue(name, { retentionMs })
  const delays = isFifo ? { delayQueueUrl: model.createQueue('delays', { retentionMs }) } : {}
  const queue = sqsQueue({ client: model, queueUrl, ...delays, waitMs: 20_000, ...more })
  const errors: string[] = []
  const hops = { total: 0 }
  await queue.open({
    ...{ namespace: 'delays', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
    delayHopped: (records) => {
      hops.total += records
    },
  })
  return { model, queueUrl, queue, sends, hops, errors, holdSends }
}

async function closed(clock: VirtualClock, queue: Queue, consumer: Consumer): Promise<void> {
  await clock.runUntil(consumer.close())
  await clock.runUntil(queue.close())
}

const pulling = { maxRecords: 10, maxBytes: 1_000_000, signal: new AbortController().signal }

describe.each([
  { kind: 'standard', isFifo: false },
  { kind: 'FIFO', isFifo: true },
])('delays of a $kind queue', ({ isFifo }) => {
  test('hand a record out after 20 minutes, not early and not late, by two hops', async () => {
    const clock = new VirtualClock()
    const { queue, sends, hops, errors } = await opened(clock, isFifo)
    const dueAt = clock.now() + 20 * minuteMs + 345
    const producer = await queue.producer()
    const sent = producer.send([makeStoredRecord({ writtenAt: clock.now(), dueAt })])
    expect((await clock.runUntil(sent))[0]?.durable).toBe('yes')
    const consumer = await queue.consumer('only')
    let cameAt = 0
    const pull = consumer.pull(pulling).then(([delivery]) => {
      cameAt = clock.now()
      return delivery
    })
    await clock.advance(20 * minuteMs)
    expect(cameAt).toBe(0)
    const delivery = await clock.runUntil(pull, { withinMs: 5_000 })
    expect(cameAt).toBeGreaterThanOrEqual(dueAt)
    expect(cameAt - dueAt).toBeLessThan(100)
    // A FIFO queue is sent it once more, from its companion.
    expect(sends).toHaveLength(isFifo ? 3 : 2)
    expect(hops.total).toBe(isFifo ? 2 : 1)
    await consumer.ack(delivery ? [delivery] : [])
    await closed(clock, queue, consumer)
    expect(errors).toEqual([])
  }, 60_000)

  // The longest hop that SQS takes is 15 minutes: of the second queue it would outlast the retention.
  test.each([30, 10])(
    'outlive the retention of the queue, of %i minutes',
    async (minutes) => {
      const clock = new VirtualClock()
      const { queue, errors } = await opened(clock, isFifo, minutes * minuteMs)
      const dueAt = clock.now() + 60 * minuteMs
      const producer = await queue.producer()
      await clock.runUntil(producer.send([makeStoredRecord({ writtenAt: clock.now(), dueAt })]))
      const consumer = await queue.consumer('only')
      const pull = consumer.pull(pulling)
      const [delivery] = await clock.runUntil(pull, { withinMs: 61 * minuteMs })
      expect(delivery?.record.dueAt).toBe(dueAt)
      await closed(clock, queue, consumer)
      expect(errors).toEqual([])
    },
    60_000,
  )
})

test('releases that are long are sent anew together', async () => {
  const clock = new VirtualClock()
  const { queue, sends, errors } = await opened(clock, false)
  const records = Array.from({ length: 10 }, () => makeStoredRecord({ writtenAt: clock.now() }))
  await clock.runUntil((await queue.producer()).send(records))
  const consumer = await queue.consumer('only')
  const deliveries = await clock.runUntil(consumer.pull(pulling))
  expect(deliveries).toHaveLength(records.length)
  const releases = deliveries.map((delivery) => ({
    ...{ delivery, attempts: delivery.attempts, delayMs: 2 * minuteMs },
  }))
  const before = sends.length
  await clock.runUntil(consumer.release(releases))
  expect(sends.length - before).toBe(1)
  await closed(clock, queue, consumer)
  expect(errors).toEqual([])
})

describe('the companion of a FIFO queue', () => {
  test('gives back at closing what was still being read, and sends nothing afterwards', async () => {
    const clock = new VirtualClock()
    let given: (body: Uint8Array) => void = () => {}
    let body = new Uint8Array()
    const store: PayloadStore = {
      put: async (_, bytes) => {
        body = new Uint8Array(bytes)
      },
      get: () => new Promise((resolve) => (given = resolve)),
      delete: async () => {},
    }
    const { queue, sends, errors } = await opened(clock, true, undefined, { store, waitMs: 1_000 })
    const payload = new Uint8Array(400_000).fill(7)
    const dueAt = clock.now() + 905_000 // a whole hop, and five seconds of waiting
    const record = makeStoredRecord({ writtenAt: clock.now(), dueAt, payload })
    await clock.runUntil((await queue.producer()).send([record]))
    const consumer = await queue.consumer('only')
    await clock.advance(900_200)
    const closing = consumer.close()
    await clock.advance(1_500) // the receive under way ends
    const sent = sends.length
    given(body)
    await clock.runUntil(closing)
    await clock.advance(5 * minuteMs)
    expect(sends).toHaveLength(sent)
    expect(errors).toEqual([])
    await clock.runUntil(queue.close())
  })
})

test('what hops on a standard queue is handed out once, and keeps nothing else from being handed out', async () => {
  const clock = new VirtualClock()
  const { queue } = await opened(clock, false)
  const producer = await queue.producer()
  const writtenAt = clock.now()
  const later = Array.from({ length: 12 }, (_, at) =>
    makeStoredRecord({ writtenAt, key: `${at}`, dueAt: writtenAt + 40 * minuteMs }),
  )
  await clock.runUntil(producer.send(later))
  const consumer = await queue.consumer('only')
  const first = consumer.pull(pulling)
  await clock.advance(35 * minuteMs)
  const now = makeStoredRecord({ writtenAt: clock.now() })
  await clock.runUntil(producer.send([now]))
  const [delivery] = await clock.runUntil(first, { withinMs: minuteMs })
  expect(delivery?.record.id).toBe(now.id)
  await clock.runUntil(consumer.ack(delivery ? [delivery] : []))
  const ids: string[] = []
  while (ids.length < later.length) {
    const deliveries = await clock.runUntil(consumer.pull(pulling), { withinMs: 10 * minuteMs })
    ids.push(...deliveries.map(({ record }) => record.id))
    await clock.runUntil(consumer.ack(deliveries))
  }
  expect(ids.toSorted()).toEqual(later.map(({ id }) => id).toSorted())
  await closed(clock, queue, consumer)
})

test('what came with a record that hops waits for no answer to the hop', async () => {
  const clock = new VirtualClock()
  const { queue, holdSends } = await opened(clock, false, undefined, { requestTimeoutMs: 20_000 })
  const producer = await queue.producer()
  const sentAt = clock.now()
  const far = makeStoredRecord({ writtenAt: sentAt, dueAt: sentAt + 40 * minuteMs })
  await clock.runUntil(producer.send([far]))
  await clock.advance(15 * minuteMs)
  const now = makeStoredRecord({ writtenAt: clock.now() })
  await clock.runUntil(producer.send([now]))
  const letGo = holdSends()
  const consumer = await queue.consumer('only')
  const pulledAt = clock.monotonic()
  const [delivery] = await clock.runUntil(consumer.pull(pulling))
  expect(delivery?.record.id).toBe(now.id)
  expect(clock.monotonic() - pulledAt).toBeLessThan(1_000)
  letGo()
  await closed(clock, queue, consumer)
})

test('a message that one receive brings twice hops once', async () => {
  const clock = new VirtualClock()
  const { model, queue, hops, errors } = await opened(clock, false)
  const receive = model.receiveMessage.bind(model)
  model.receiveMessage = async (input, options) => {
    const { Messages = [] } = await receive(input, options)
    return { Messages: [...Messages, ...Messages] }
  }
  const writtenAt = clock.now()
  const record = makeStoredRecord({ writtenAt, dueAt: writtenAt + 20 * minuteMs })
  await clock.runUntil((await queue.producer()).send([record]))
  const consumer = await queue.consumer('only')
  const pulled = consumer.pull(pulling)
  await clock.advance(16 * minuteMs)
  expect(hops.total).toBe(1)
  const [delivery] = await clock.runUntil(pulled)
  expect(delivery?.record.id).toBe(record.id)
  await closed(clock, queue, consumer)
  expect(errors).toEqual([])
})

test('a record that lies in a FIFO queue before it is due is held in its place, whoever put it there', async () => {
  const clock = new VirtualClock()
  const { model, queueUrl, queue, sends, errors } = await opened(clock, true)
  const dueAt = clock.now() + 2 * minuteMs
  const records = [dueAt, undefined].map((at) => makeStoredRecord({ key: 'a', dueAt: at }))
  const Entries = records.map((record) => ({
    ...{ Id: record.id, MessageBody: encodeEnvelope(record, undefined) },
    ...{ MessageGroupId: 'a', MessageDeduplicationId: record.id },
  }))
  await model.sendMessageBatch({ QueueUrl: queueUrl, Entries })
  const consumer = await queue.consumer('only')
  const deliveries = await clock.runUntil(consumer.pull(pulling))
  expect(deliveries.map(({ record: { id } }) => id)).toEqual(records.map(({ id }) => id))
  expect(clock.now()).toBeGreaterThanOrEqual(dueAt)
  expect(sends).toHaveLength(1)
  await closed(clock, queue, consumer)
  expect(errors).toEqual([])
})

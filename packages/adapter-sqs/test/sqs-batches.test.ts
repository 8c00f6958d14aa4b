import { type StoredRecord, systemRandom } from '@daybook/core'
import { makeStoredRecord, SeededRandom, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const mebibyte = 2 ** 20

/** Sends records at once, and answers how many went in each call, and whether all were stored. */
async function batchesOf(records: readonly StoredRecord[]) {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('records', { maximumMessageSize: mebibyte })
  const sizes: number[] = []
  const sendMessageBatch = model.sendMessageBatch.bind(model)
  model.sendMessageBatch = (input) => {
    sizes.push(input.Entries.length)
    return sendMessageBatch(input)
  }
  const queue = sqsQueue({ client: model, queueUrl, maxMessageBytes: mebibyte })
  await queue.open({
    ...{ namespace: 'batches', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  })
  const outcomes = await clock.runUntil((await queue.producer()).send(records))
  return { sizes, durable: new Set(outcomes.map(({ durable }) => durable)) }
}

const records = (count: number, payloadBytes: number) =>
  Array.from({ length: count }, () => makeStoredRecord({ payload: new Uint8Array(payloadBytes) }))

test.each([
  ['by their number', records(25, 100), [10, 10, 5]],
  // In base64 each is some 400 kB, and SQS takes a mebibyte in a call, however many they are.
  ['by their bytes', records(5, 300_000), [2, 2, 1]],
  ['by whichever comes first', [...records(4, 100), ...records(3, 300_000)], [6, 1]],
])('records go to SQS in batches that are bounded %s', async (_, sent, sizes) => {
  expect(await batchesOf(sent)).toEqual({ sizes, durable: new Set(['yes']) })
})

test('records of a key are stored in their order, however long each call is on its way', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('records.fifo')
  const stored: string[] = []
  let [underWay, most] = [0, 0]
  const sendMessageBatch = model.sendMessageBatch.bind(model)
  model.sendMessageBatch = async (input) => {
    most = Math.max(most, ++underWay)
    await new Promise<void>((resolve) => clock.setTimer(random.integer(1, 200), resolve))
    underWay--
    stored.push(...input.Entries.map(({ MessageBody }) => JSON.parse(MessageBody).id as string))
    return sendMessageBatch(input)
  }
  const queue = sqsQueue({ client: model, queueUrl })
  await queue.open({
    ...{ namespace: 'batches', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  })
  const sent = Array.from({ length: 240 }, (_, at) => makeStoredRecord({ key: `${at % 24}` }))
  await clock.runUntil((await queue.producer()).send(sent), { withinMs: 60_000 })
  for (const records of Map.groupBy(sent, ({ key }) => key).values()) {
    const ids = records.map(({ id }) => id)
    expect(stored.filter((id) => ids.includes(id))).toEqual(ids)
  }
  // Of different keys several are under way.
  expect(most).toBeGreaterThan(1)
})

test('a record that is redriven soon after its write is not taken for the same, and its rewrite is', async () => {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('records.fifo')
  const queue = sqsQueue({ client: model, queueUrl })
  await queue.open({
    ...{ namespace: 'batches', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  })
  const producer = await queue.producer()
  const written = makeStoredRecord({ key: 'a' })
  for (const [record, count] of [
    [written, 1],
    [written, 1],
    [{ ...written, attemptEpoch: 1 }, 2],
    [{ ...written, attemptEpoch: 1 }, 2],
    [{ ...written, attemptEpoch: 1, target: 'only' }, 3],
    [{ ...written, version: written.version + 16n }, 4],
  ] as const) {
    await clock.runUntil(producer.send([record]))
    expect(model.size(queueUrl)).toBe(count)
  }
})

test('what several receives bring in one turn of the event loop is handed out together', async () => {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queue = sqsQueue({ client: model, queueUrl: model.createQueue('records') })
  await queue.open({
    ...{ namespace: 'batches', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  })
  await clock.runUntil((await queue.producer()).send(records(30, 100)))
  const consumer = await queue.consumer('only')
  const { signal } = new AbortController()
  const pulled = await clock.runUntil(consumer.pull({ maxRecords: 100, maxBytes: 1e6, signal }))
  expect(pulled).toHaveLength(30)
  await clock.runUntil(queue.close())
})

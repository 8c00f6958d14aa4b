import { type StoredRecord, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
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

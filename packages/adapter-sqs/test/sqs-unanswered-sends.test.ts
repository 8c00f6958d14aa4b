import { type Consumer, type Queue, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const retentionMs = 12 * hourMs

let clock: VirtualClock
let model: SqsModel
let errors: string[]
/** Into queues of these names nothing is stored, and nobody says so. */
let silent: RegExp | undefined
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  errors = []
  silent = undefined
  const send = model.sendMessageBatch.bind(model)
  model.sendMessageBatch = async (input, options) => {
    if (!silent?.test(input.QueueUrl)) return send(input, options)
    throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
  }
})

async function openQueue(options: Partial<SqsQueueOptions> = {}): Promise<Queue> {
  const queueUrl = model.createQueue('records', { retentionMs })
  const queue = sqsQueue({ client: model, queueUrl, waitMs: 20_000, ...options })
  await queue.open({
    ...{ namespace: 'silent', targets: ['only', 'other'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  return queue
}

async function send(queue: Queue, dueAt?: number): Promise<string> {
  const record = makeStoredRecord({ writtenAt: clock.now(), dueAt })
  await clock.runUntil((await queue.producer()).send([record]))
  return record.id
}

const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }
const pull = (consumer: Consumer) =>
  clock.runUntil(consumer.pull(pulling), { withinMs: 2 * hourMs })

async function advanceInSilence(ms: number, queues: RegExp): Promise<void> {
  silent = queues
  await clock.advance(ms)
  silent = undefined
  expect(errors).toContainEqual(expect.stringContaining('socket hang up'))
}

describe('what may not have been sent anew stays in the queue', () => {
  test('as it hops', async () => {
    const queue = await openQueue()
    const dueAt = clock.now() + 30 * minuteMs
    const id = await send(queue, dueAt)
    const consumer = await queue.consumer('only')
    const pulled = consumer.pull(pulling)
    await advanceInSilence(20 * minuteMs, /records/)
    const deliveries = await clock.runUntil(pulled, { withinMs: hourMs })
    expect(deliveries.map(({ record }) => record.id)).toEqual([id])
    expect(clock.now() - dueAt).toBeGreaterThanOrEqual(0)
    expect(clock.now() - dueAt).toBeLessThan(1_000)
    await clock.runUntil(consumer.close(), { withinMs: hourMs })
  })

  test.each(['held', 'not pulled'])('where it is %s at half of the retention', async (how) => {
    const queue = await openQueue()
    const id = await send(queue)
    const consumer = await queue.consumer('only')
    if (how === 'held') expect(await pull(consumer)).toHaveLength(1)
    await clock.advance(retentionMs / 2 - hourMs)
    await advanceInSilence(3 * hourMs, /records/)
    await clock.advance(retentionMs)
    const again = await pull(consumer)
    expect(again.map(({ record }) => record.id)).toEqual([id])
    await clock.runUntil(consumer.ack(again))
    await clock.runUntil(consumer.close(), { withinMs: hourMs })
  })

  test('where it could not be copied at half of the retention', async () => {
    const quarterMs = 15 * minuteMs
    const create = (name: string) => model.createQueue(name, { retentionMs: quarterMs })
    const targetQueueUrls = { only: create('only'), other: create('other') }
    const queue = await openQueue({ queueUrl: create('ingress'), targetQueueUrls })
    const id = await send(queue)
    const consumer = await queue.consumer('only')
    await advanceInSilence(quarterMs / 2 - minuteMs, /only|other/)
    await advanceInSilence(4 * minuteMs, /./)
    await advanceInSilence(quarterMs, /only|other/)
    const deliveries = await pull(consumer)
    expect(deliveries.map(({ record }) => record.id)).toEqual([id])
    await clock.runUntil(consumer.close(), { withinMs: hourMs })
  })
})

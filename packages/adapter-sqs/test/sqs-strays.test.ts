import { type Consumer, type Queue, type StoredRecord, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const retentionMs = 900_000
let clock: VirtualClock
let model: SqsModel
let passedOver: string[]
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  passedOver = []
})

async function openQueue(
  targets: readonly string[],
  options: Omit<SqsQueueOptions, 'client'>,
): Promise<Queue> {
  const queue = sqsQueue({ client: model, ...options })
  await queue.open({
    ...{ namespace: 'strays', targets, directory: undefined, clock, random: systemRandom },
    reportError: (error) => expect.unreachable(error.message),
    passedOver: (target) => passedOver.push(target),
  })
  return queue
}

async function write(queue: Queue, key: string, target?: string): Promise<StoredRecord> {
  const record = makeStoredRecord({ writtenAt: clock.now(), key, target })
  await clock.runUntil((await queue.producer()).send([record]))
  return record
}

/** Pulls and acks until so many have come. */
async function applied(consumer: Consumer, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  const signal = new AbortController().signal
  while (ids.length < count) {
    const pull = consumer.pull({ maxRecords: 10, maxBytes: 1e9, signal })
    const deliveries = await clock.runUntil(pull, { withinMs: 300_000 })
    await clock.runUntil(consumer.ack(deliveries))
    ids.push(...deliveries.map(({ record }) => record.id))
  }
  return ids
}

describe.each(['', '.fifo'])(
  'a record for a target that is configured no more, on "records%s"',
  (suffix) => {
    const create = (name: string): string => model.createQueue(`${name}${suffix}`, { retentionMs })

    test(`is copied to none of the others, and goes to its own once that is there again ${suffix}`, async () => {
      const [queueUrl, first, second] = ['records', 'first', 'second'].map(create) as [
        string,
        string,
        string,
      ]
      const targetQueueUrls = { first, second }
      const without = await openQueue(['first'], { queueUrl, targetQueueUrls })
      const stray = await write(without, 'a', 'second')
      const later = await write(without, 'a')
      const before = await without.consumer('first')
      expect(await applied(before, 1)).toEqual([later.id])
      expect(model.size(first)).toBe(0)
      expect(model.size(queueUrl)).toBe(1)
      expect(new Set(passedOver)).toEqual(new Set(['second']))
      await clock.runUntil(before.close(), { withinMs: 60_000 })
      await without.close()
      const again = await openQueue(['first', 'second'], { queueUrl, targetQueueUrls })
      const consumer = await again.consumer('second')
      expect(await applied(consumer, 1)).toEqual([stray.id])
      await clock.runUntil(consumer.close(), { withinMs: 60_000 })
    })

    test(`is not handed to the only target there is, and is not removed ${suffix}`, async () => {
      const queueUrl = create('records')
      const renamed = await openQueue(['new'], { queueUrl })
      const stray = await write(renamed, 'a', 'old')
      const later = await write(renamed, 'a', 'new')
      const before = await renamed.consumer('new')
      expect(await applied(before, 1)).toEqual([later.id])
      expect(model.size(queueUrl)).toBe(1)
      expect(new Set(passedOver)).toEqual(new Set(['old']))
      await clock.runUntil(before.close(), { withinMs: 60_000 })
      await renamed.close()
      const consumer = await (await openQueue(['old'], { queueUrl })).consumer('old')
      expect(await applied(consumer, 1)).toEqual([stray.id])
      await clock.runUntil(consumer.close(), { withinMs: 60_000 })
    })
  },
)

test('a record that no target may have outlives the retention of a standard queue', async () => {
  const queueUrl = model.createQueue('records', { retentionMs })
  const queue = await openQueue(['new'], { queueUrl })
  await write(queue, 'a', 'old')
  const consumer = await queue.consumer('new')
  const stop = new AbortController()
  const pull = consumer.pull({ maxRecords: 10, maxBytes: 1e9, signal: stop.signal })
  await clock.advance(3 * retentionMs)
  expect(model.size(queueUrl)).toBe(1)
  stop.abort()
  expect(await clock.runUntil(pull)).toEqual([])
  await clock.runUntil(consumer.close(), { withinMs: 60_000 })
})

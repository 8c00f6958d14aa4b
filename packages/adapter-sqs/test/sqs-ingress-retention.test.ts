import { type Delivery, type RetentionRisk, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, expect, test } from 'vitest'
import { type PayloadStore, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const retentionMs = 900_000
let clock: VirtualClock
let model: SqsModel
let risks: RetentionRisk[]
let isDown: boolean
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  risks = []
  isDown = true
})

/** A store that answers unless it is down. */
function store(): PayloadStore {
  const bodies = new Map<string, Uint8Array>()
  return {
    put: async (name, bytes) => void bodies.set(name, bytes),
    get: async (name) => {
      if (isDown) throw new Error('down')
      return bodies.get(name)
    },
    delete: async (name) => void bodies.delete(name),
  }
}

/** A record that is to be copied for two targets, with a consumer open for the first. */
async function written(suffix: string, payloadBytes: number) {
  const create = (name: string): string => model.createQueue(`${name}${suffix}`, { retentionMs })
  const [queueUrl, first, second] = ['records', 'first', 'second'].map(create) as [
    string,
    string,
    string,
  ]
  const queue = sqsQueue({
    ...{ client: model, queueUrl, targetQueueUrls: { first, second }, store: store() },
    ...{ waitMs: 20_000, maxMessageBytes: 10_000 },
  })
  await queue.open({
    ...{ namespace: 'aging', targets: ['first', 'second'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
    retentionAtRisk: (risk) => risks.push(risk),
  })
  const payload = new Uint8Array(payloadBytes)
  const record = makeStoredRecord({ writtenAt: clock.now(), key: 'a', payload })
  await clock.runUntil((await queue.producer()).send([record]))
  const consumer = await queue.consumer('first')
  const pull = (): Promise<readonly Delivery[]> =>
    clock.runUntil(
      consumer.pull({ maxRecords: 1, maxBytes: 1e9, signal: new AbortController().signal }),
      { withinMs: 300_000 },
    )
  return { record, second, consumer, pull, queueUrl }
}

/** The queue of that target takes nothing while it is down. */
function refuseWhileDown(url: string): void {
  const send = model.sendMessageBatch.bind(model)
  model.sendMessageBatch = async (input, options) => {
    if (isDown && input.QueueUrl === url) {
      throw Object.assign(new Error('Denied'), { name: 'AccessDenied' })
    }
    return send(input, options)
  }
}

test.each([
  { what: 'whose copy a queue refuses', payloadBytes: 10 },
  { what: 'whose body a store does not give', payloadBytes: 20_000 },
])(
  'a record $what outlives the retention of the queue it is copied from',
  async ({ payloadBytes }) => {
    const { record, second, consumer, pull } = await written('', payloadBytes)
    if (payloadBytes === 10) refuseWhileDown(second)
    await clock.advance(3 * retentionMs)
    isDown = false
    const ids = []
    while (ids.length === 0) {
      const deliveries = await pull()
      ids.push(...deliveries.map((delivery) => delivery.record.id))
      await clock.runUntil(consumer.ack(deliveries))
    }
    // The message comes again once its visibility is over.
    await clock.advance(120_000)
    expect(new Set(ids)).toEqual(new Set([record.id]))
    expect(model.size(second)).toBeGreaterThan(0)
    await clock.runUntil(consumer.close(), { withinMs: 60_000 })
  },
)

test('what waits in a FIFO queue that is copied from is told of at half of its retention, and not sent anew', async () => {
  const { second, consumer, queueUrl } = await written('.fifo', 10)
  refuseWhileDown(second)
  await clock.advance(retentionMs / 2 - 60_000)
  expect(risks).toEqual([])
  await clock.advance(180_000)
  expect(risks.slice(0, 2).map(({ target }) => target)).toEqual(['first', 'second'])
  for (const risk of risks) {
    expect(risk.retentionMs).toBe(retentionMs)
    expect(risk.waitedMs).toBeGreaterThanOrEqual(retentionMs / 2)
  }
  await clock.advance(retentionMs / 2)
  expect(model.size(queueUrl)).toBe(0)
  await clock.runUntil(consumer.close(), { withinMs: 60_000 })
})

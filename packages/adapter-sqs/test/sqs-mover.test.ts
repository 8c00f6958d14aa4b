import { systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const pulling = { maxRecords: 10, maxBytes: 1_000_000, signal: new AbortController().signal }

test.each([
  { when: 'one after the other', later: [0, 1, 2] },
  { when: 'at once', later: [0, 0, 0] },
])(
  'the records of a key that become due $when keep their order where SQS fails the first of them',
  async ({ later }) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const queueUrl = model.createQueue('records.fifo')
    const delayQueueUrl = model.createQueue('delays')
    const send = model.sendMessageBatch.bind(model)
    let failures = 1
    model.sendMessageBatch = async (input, options) => {
      if (input.QueueUrl !== queueUrl || failures-- <= 0) return send(input, options)
      const [first, ...others] = input.Entries
      const failure = { Id: first?.Id, Code: 'InternalError', SenderFault: false }
      if (others.length === 0) return { Failed: [failure] }
      return { ...(await send({ ...input, Entries: others }, options)), Failed: [failure] }
    }
    const errors: string[] = []
    const queue = sqsQueue({ client: model, queueUrl, delayQueueUrl })
    await queue.open({
      ...{ namespace: 'moving', targets: ['only'], directory: undefined, clock },
      ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
    })
    const dueAt = clock.now() + 20_000
    const records = later.map((laterMs) =>
      makeStoredRecord({ writtenAt: clock.now(), key: 'a', dueAt: dueAt + laterMs }),
    )
    await clock.runUntil((await queue.producer()).send(records))
    const consumer = await queue.consumer('only')
    const ids: string[] = []
    while (ids.length < records.length) {
      const deliveries = await clock.runUntil(consumer.pull(pulling), { withinMs: 120_000 })
      ids.push(...deliveries.map(({ record: { id } }) => id))
      await clock.runUntil(consumer.ack(deliveries))
    }
    expect(ids).toEqual(records.map(({ id }) => id))
    expect(errors).toEqual([expect.stringContaining('InternalError')])
    await clock.runUntil(consumer.close())
    await clock.runUntil(queue.close())
  },
)

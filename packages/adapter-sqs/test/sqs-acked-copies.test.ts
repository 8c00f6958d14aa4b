import { systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { AckedCopies } from '../src/sqs-acked-copies.ts'
import { SqsModel } from '../src/testing/index.ts'

test.each([
  { suffix: '', what: 'standard' },
  { suffix: '.fifo', what: 'FIFO' },
])(
  'while one $what queue takes no copy the others get theirs once, and it gets its own when it takes some again',
  async ({ suffix }) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const create = (name: string): string => model.createQueue(`${name}${suffix}`)
    const [queueUrl, first, second] = ['records', 'first', 'second'].map(create) as [
      string,
      string,
      string,
    ]
    const sent = new Map<string, number>()
    let isDown = true
    const send = model.sendMessageBatch.bind(model)
    model.sendMessageBatch = async (input, options) => {
      const { QueueUrl, Entries = [] } = input
      if (isDown && QueueUrl === second) {
        throw Object.assign(new Error('Denied'), { name: 'AccessDenied' })
      }
      sent.set(QueueUrl, (sent.get(QueueUrl) ?? 0) + Entries.length)
      return send(input, options)
    }
    const queue = sqsQueue({ client: model, queueUrl, targetQueueUrls: { first, second } })
    await queue.open({
      ...{ namespace: 'copies', targets: ['first', 'second'], directory: undefined, clock },
      ...{ random: systemRandom, reportError: () => {} },
    })
    const records = ['a', 'a', 'b'].map((key) => makeStoredRecord({ writtenAt: clock.now(), key }))
    await clock.runUntil((await queue.producer()).send(records))
    const consumer = await queue.consumer('first')
    // Longer than SQS drops repetitions.
    await clock.advance(1_800_000)
    // Behind one of its key that failed none is copied.
    expect(sent.get(first)).toBe(suffix === '' ? 3 : 2)
    isDown = false
    await clock.advance(300_000)
    expect([sent.get(first), sent.get(second)]).toEqual([3, 3])
    expect(model.size(queueUrl)).toBe(0)
    await clock.runUntil(consumer.close(), { withinMs: 60_000 })
  },
)

test('the copies that are remembered are those of the last so many messages', () => {
  const copies = new AckedCopies(2)
  for (const message of ['one', 'two', 'one', 'three']) copies.add(message, 'first')
  expect(['one', 'two', 'three'].map((message) => copies.has(message, 'first'))).toEqual([
    false,
    true,
    true,
  ])
  expect(copies.has('two', 'second')).toBe(false)
  copies.forget('two')
  expect(copies.has('two', 'first')).toBe(false)
})

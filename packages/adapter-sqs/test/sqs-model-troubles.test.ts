import { SeededRandom, VirtualClock } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { SqsModel, type SqsTroublesOptions } from '../src/testing/index.ts'

const clock = new VirtualClock()
const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))
const bodies = Array.from({ length: 8 }, (_, at) => String(at))

/** A model in whose queue eight messages lie, and what its receives bring. */
async function filled(
  name: string,
  troubles: Omit<SqsTroublesOptions, 'random'>,
  groupOf: (body: string) => string = () => 'a',
) {
  const model = new SqsModel({ clock, troubles: { random, ...troubles } })
  const QueueUrl = model.createQueue(name)
  const Entries = bodies.map((body) => ({
    ...{ Id: body, MessageBody: body },
    ...(name.endsWith('.fifo')
      ? { MessageGroupId: groupOf(body), MessageDeduplicationId: body }
      : {}),
  }))
  const { Failed = [] } = await model.sendMessageBatch({ QueueUrl, Entries })
  const receive = async (WaitTimeSeconds = 0) => {
    const { Messages = [] } = await model.receiveMessage({
      ...{ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds },
      ...{ VisibilityTimeout: 30, MessageSystemAttributeNames: [] },
    })
    return Messages
  }
  const remove = (receipts: readonly (string | undefined)[]) =>
    model.deleteMessageBatch({
      QueueUrl,
      Entries: receipts.map((receipt, at) => ({ Id: String(at), ReceiptHandle: receipt ?? '' })),
    })
  return { model, QueueUrl, Failed, receive, remove }
}

const bodiesOf = (messages: readonly { Body?: string | undefined }[]) =>
  messages.map(({ Body }) => Body)

describe('a troubled model', () => {
  test('hands out a message of a standard queue once more, while it is held', async () => {
    const { receive, remove, model, QueueUrl } = await filled('a', { repeated: 1 })
    const first = await receive()
    await clock.advance(30_000)
    const again = await receive()
    expect(bodiesOf(again).toSorted()).toEqual(bodies)
    await clock.advance(29_999)
    expect(await receive()).toEqual([])
    expect(again[0]?.ReceiptHandle).not.toBe(first[0]?.ReceiptHandle)
    await remove(again.map(({ ReceiptHandle }) => ReceiptHandle))
    expect(model.size(QueueUrl)).toBe(0)
  })

  test.each([
    [0, ['0', '2', '4', '6', '1', '3', '5', '7']],
    [1, bodies],
  ])(
    'mixes the groups of a FIFO queue in one receive, each in its order: %d',
    async (disordered, expected) => {
      const groupOf = (body: string): string => `${Number(body) % 2}`
      const { receive } = await filled('a.fifo', { disordered }, groupOf)
      expect(bodiesOf(await receive())).toEqual(expected)
    },
  )

  test('keeps a message that was deleted, for one more time', async () => {
    let isOn = false
    const switched = { next: () => (isOn ? 0 : 0.999_999), fill: random.fill.bind(random) }
    const model = new SqsModel({ clock, troubles: { random: switched, repeated: 0.5 } })
    const QueueUrl = model.createQueue('a')
    await model.sendMessageBatch({ QueueUrl, Entries: [{ Id: 'a', MessageBody: 'x' }] })
    for (const left of [1, 0]) {
      const { Messages = [] } = await model.receiveMessage({
        ...{ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 },
        ...{ VisibilityTimeout: 30, MessageSystemAttributeNames: [] },
      })
      const [{ ReceiptHandle = '' } = {}] = Messages
      isOn = true
      const { Failed } = await model.deleteMessageBatch({
        QueueUrl,
        Entries: [{ Id: 'a', ReceiptHandle }],
      })
      expect([Failed, model.size(QueueUrl)]).toEqual([[], left])
      await clock.advance(30_000)
    }
  })

  test('gives the messages of a standard queue in another order, those of a FIFO queue in theirs', async () => {
    const orders = new Set<string>()
    for (let at = 0; at < 5; at++) {
      const { receive } = await filled('a', { disordered: 1 })
      orders.add(bodiesOf(await receive()).join())
    }
    expect(orders.size).toBeGreaterThan(1)
    const { receive } = await filled('a.fifo', { disordered: 1, sampled: 1, repeated: 1 })
    expect(bodiesOf(await receive())).toEqual(bodies)
  })

  test('gives some of what is there, and something where a receive waits', async () => {
    const counts = new Set<number>()
    for (let at = 0; at < 60; at++) {
      const { receive } = await filled('a', { sampled: 1 })
      counts.add((await receive()).length)
      const { receive: wait } = await filled('a', { sampled: 1 })
      expect(await wait(1)).not.toEqual([])
    }
    expect([...counts].toSorted()).toContain(0)
    expect(counts.size).toBeGreaterThan(3)
  })

  test('fails entries by either fault and does nothing for them, and throttles whole calls', async () => {
    const { model, QueueUrl, Failed } = await filled('a.fifo', { failedEntries: 0.5 })
    expect(model.size(QueueUrl)).toBe(bodies.length - Failed.length)
    const faults = new Set<unknown>()
    while (faults.size < 2) {
      const all = await filled('a', { failedEntries: 1 })
      expect(all.Failed).toHaveLength(bodies.length)
      for (const { Code, SenderFault } of all.Failed) {
        faults.add(SenderFault)
        expect(Code).toBe(SenderFault ? 'RequestThrottled' : 'InternalError')
      }
    }
    const throttled = filled('a', { throttledCalls: 1 })
    await expect(throttled).rejects.toMatchObject({ name: 'RequestThrottled' })
  })
})

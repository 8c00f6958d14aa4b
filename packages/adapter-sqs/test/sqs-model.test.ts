import { VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ReceiveInput } from '../src/sqs-client.ts'
import { SqsModel } from '../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
})

/** Sends one message, and answers the code of its failure. */
async function send(QueueUrl: string, body: string, fields: object = {}) {
  const Entries = [{ Id: 'a', MessageBody: body, ...fields }]
  const { Failed = [] } = await model.sendMessageBatch({ QueueUrl, Entries })
  return Failed[0]?.Code
}

async function receive(
  QueueUrl: string,
  most = 10,
  visibility = 30,
  MessageSystemAttributeNames: ReceiveInput['MessageSystemAttributeNames'] = [
    'ApproximateReceiveCount',
  ],
  WaitTimeSeconds = 0,
) {
  const { Messages = [] } = await model.receiveMessage({
    ...{ QueueUrl, MaxNumberOfMessages: most, WaitTimeSeconds },
    ...{ VisibilityTimeout: visibility, MessageSystemAttributeNames },
  })
  return Messages
}

async function remove(QueueUrl: string, ReceiptHandle = '') {
  const Entries = [{ Id: 'a', ReceiptHandle }]
  const { Failed = [] } = await model.deleteMessageBatch({ QueueUrl, Entries })
  return Failed[0]?.Code
}

async function hide(QueueUrl: string, ReceiptHandle = '', VisibilityTimeout = 0) {
  const Entries = [{ Id: 'a', ReceiptHandle, VisibilityTimeout }]
  const { Failed = [] } = await model.changeMessageVisibilityBatch({ QueueUrl, Entries })
  return Failed[0]?.Code
}

const fifo = (group: string, id: string) => ({ MessageGroupId: group, MessageDeduplicationId: id })
const bodiesOf = (messages: readonly { Body?: string | undefined }[]) =>
  messages.map(({ Body }) => Body)

describe('the model of a standard queue', () => {
  test('hides what was received until its visibility is over, and counts', async () => {
    const url = model.createQueue('a')
    await send(url, 'x')
    expect(bodiesOf(await receive(url))).toEqual(['x'])
    await clock.advance(29_999)
    expect(await receive(url)).toEqual([])
    await clock.advance(1)
    expect((await receive(url))[0]?.Attributes?.['ApproximateReceiveCount']).toBe('2')
  })

  test('tells of a message what was asked for, and no more', async () => {
    const url = model.createQueue('a.fifo')
    const told = async (id: string, names: ReceiveInput['MessageSystemAttributeNames']) => {
      await send(url, 'x', fifo(id, id))
      return (await receive(url, 10, 30, names)).map(({ Attributes }) => Attributes)
    }
    expect(await told('one', [])).toEqual([undefined])
    expect(await told('two', ['MessageGroupId'])).toEqual([{ MessageGroupId: 'two' }])
  })

  test('delays by 900 seconds at most', async () => {
    const url = model.createQueue('a')
    expect(await send(url, 'x', { DelaySeconds: 901 })).toBe('InvalidParameterValue')
    expect(await send(url, 'x', { DelaySeconds: 900 })).toBeUndefined()
    await clock.advance(899_999)
    expect(await receive(url)).toEqual([])
    await clock.advance(1)
    expect(await receive(url)).toHaveLength(1)
  })

  test('refuses characters that XML does not have, and messages without any', async () => {
    const url = model.createQueue('a')
    expect(await send(url, 'a\u0000b')).toBe('InvalidMessageContents')
    expect(await send(url, '\uffff')).toBe('InvalidMessageContents')
    expect(await send(url, '')).toBe('MissingParameter')
    expect(await send(url, 'tab\t, line\n, ü, 👩‍👧')).toBeUndefined()
  })

  test('takes ten entries and a mebibyte in a batch, and no more', async () => {
    const url = model.createQueue('a')
    const entries = (count: number, body: string) =>
      Array.from({ length: count }, (_, at) => ({ Id: String(at), MessageBody: body }))
    const batch = (count: number, body: string) =>
      model.sendMessageBatch({ QueueUrl: url, Entries: entries(count, body) })
    await expect(batch(11, 'x')).rejects.toThrow(/More than 10/)
    await expect(batch(0, 'x')).rejects.toThrow(/No entries/)
    await expect(batch(2, 'x'.repeat(524_289))).rejects.toThrow(/bytes in one batch/)
    expect((await batch(2, 'x'.repeat(524_288))).Successful).toHaveLength(2)
  })

  test('forgets messages when their retention is over', async () => {
    const url = model.createQueue('a', { retentionMs: 60_000 })
    await send(url, 'x')
    await clock.advance(59_999)
    expect(model.size(url)).toBe(1)
    await clock.advance(1)
    expect(model.size(url)).toBe(0)
  })

  test('keeps nothing in flight for more than twelve hours after it was received', async () => {
    const url = model.createQueue('a')
    await send(url, 'x')
    const [message] = await receive(url)
    await clock.advance(10_000)
    const code = await hide(url, message?.ReceiptHandle, 43_191)
    expect(code).toBe('InvalidParameterValue')
    expect(await hide(url, message?.ReceiptHandle, 43_190)).toBeUndefined()
  })

  test('has so many in flight at most, of which a receive that does not wait is told', async () => {
    const url = model.createQueue('a', { mostInFlight: 12 })
    for (let n = 0; n < 15; n++) await send(url, `${n}`)
    const first = await receive(url)
    expect([first.length, (await receive(url)).length]).toEqual([10, 2])
    await expect(receive(url)).rejects.toMatchObject({ name: 'OverLimit' })
    const waiting = receive(url, 10, 30, [], 1)
    await clock.advance(1_000)
    expect(await waiting).toEqual([])
    await remove(url, first[0]?.ReceiptHandle)
    expect(await receive(url)).toHaveLength(1)
  })

  test('has its own bounds for what a receive asks for', async () => {
    const url = model.createQueue('a')
    const rejects = (asked: Promise<unknown>) =>
      expect(asked).rejects.toMatchObject({ name: 'InvalidParameterValue' })
    for (const most of [0, 11]) await rejects(receive(url, most))
    for (const visibility of [-1, 43_201]) await rejects(receive(url, 1, visibility))
    for (const wait of [-1, 21]) await rejects(receive(url, 1, 30, [], wait))
  })

  test('wakes a receive that waits as a message comes', async () => {
    const url = model.createQueue('a')
    const waiting = receive(url, 10, 30, [], 20)
    await clock.advance(19_000)
    await send(url, 'x')
    await clock.advance(100)
    expect(bodiesOf(await waiting)).toEqual(['x'])
  })

  test('takes a message of up to its own largest size', async () => {
    const url = model.createQueue('a', { maximumMessageSize: 1_024 })
    expect(await send(url, 'ü'.repeat(512))).toBeUndefined()
    expect(await send(url, `${'ü'.repeat(512)}x`)).toBe('InvalidParameterValue')
  })

  test('deletes nothing under a receipt that a later one has followed', async () => {
    const url = model.createQueue('a')
    await send(url, 'x')
    const [first] = await receive(url)
    await clock.advance(30_000)
    const [second] = await receive(url)
    expect(await remove(url, first?.ReceiptHandle)).toBeUndefined()
    expect(model.size(url)).toBe(1)
    expect(await remove(url, second?.ReceiptHandle)).toBeUndefined()
    expect(model.size(url)).toBe(0)
  })

  test('withholds nothing for the sake of a group', async () => {
    const url = model.createQueue('a')
    for (const body of ['a1', 'a2']) await send(url, body, { MessageGroupId: 'a' })
    expect(bodiesOf(await receive(url, 1))).toEqual(['a1'])
    expect(bodiesOf(await receive(url, 1))).toEqual(['a2'])
  })

  test('lets an aborted receive take a message all the same', async () => {
    const url = model.createQueue('a')
    const abort = new AbortController()
    const input = { QueueUrl: url, MaxNumberOfMessages: 1, WaitTimeSeconds: 20 }
    const own = { VisibilityTimeout: 30, MessageSystemAttributeNames: [] }
    const call = { abortSignal: abort.signal }
    const aborted = model.receiveMessage({ ...input, ...own }, call).catch(({ name }) => name)
    abort.abort()
    expect(await aborted).toBe('AbortError')
    await send(url, 'x')
    await clock.advance(1_000)
    expect(await receive(url)).toEqual([])
  })
})

describe('the model of a FIFO queue', () => {
  test('withholds a group while any of it is in flight, and no other', async () => {
    const url = model.createQueue('a.fifo')
    for (const n of [1, 2, 3]) await send(url, `a${n}`, fifo('a', `a${n}`))
    const [first] = await receive(url, 1)
    await send(url, 'b1', fifo('b', 'b1'))
    expect(bodiesOf(await receive(url))).toEqual(['b1'])
    await remove(url, first?.ReceiptHandle)
    expect(bodiesOf(await receive(url))).toEqual(['a2', 'a3'])
  })

  test('hands out none of a group behind one of it that is hidden again', async () => {
    const url = model.createQueue('a.fifo')
    for (const n of [1, 2]) await send(url, `a${n}`, fifo('a', `a${n}`))
    const [first] = await receive(url, 1)
    await hide(url, first?.ReceiptHandle, 0)
    const [again] = await receive(url, 1)
    expect(again?.Body).toBe('a1')
    await hide(url, again?.ReceiptHandle, 5)
    await clock.advance(4_999)
    expect(await receive(url)).toEqual([])
    await clock.advance(1)
    expect(bodiesOf(await receive(url))).toEqual(['a1', 'a2'])
  })

  test('gives of a group as many as it can before it begins with another', async () => {
    const url = model.createQueue('a.fifo')
    for (const n of [1, 2, 3]) {
      for (const group of ['a', 'b']) await send(url, `${group}${n}`, fifo(group, `${group}${n}`))
    }
    expect(bodiesOf(await receive(url, 4))).toEqual(['a1', 'a2', 'a3', 'b1'])
    expect(bodiesOf(await receive(url))).toEqual([])
  })

  test('has so many in flight at most, and says nothing of it', async () => {
    const url = model.createQueue('a.fifo', { mostInFlight: 12 })
    for (let n = 0; n < 15; n++) await send(url, `${n}`, fifo(`${n}`, `${n}`))
    const counts = []
    for (const _ of [1, 2, 3]) counts.push((await receive(url)).length)
    expect(counts).toEqual([10, 2, 0])
  })

  test('does not find a free group behind as many of another as may be in flight', async () => {
    const url = model.createQueue('a.fifo', { mostInFlight: 12 })
    for (let n = 0; n < 12; n++) await send(url, `a${n}`, fifo('a', `a${n}`))
    await send(url, 'b0', fifo('b', 'b0'))
    const [head] = await receive(url, 1)
    expect(await receive(url)).toEqual([])
    await remove(url, head?.ReceiptHandle)
    expect(bodiesOf(await receive(url, 10)).length).toBe(10)
    expect(bodiesOf(await receive(url))).toEqual(['b0'])
  })

  test('drops what has a known deduplication id for five minutes', async () => {
    const url = model.createQueue('a.fifo')
    await send(url, 'x', fifo('a', 'one'))
    const [message] = await receive(url)
    await remove(url, message?.ReceiptHandle)
    await send(url, 'x', fifo('a', 'one'))
    expect(model.size(url)).toBe(0)
    await clock.advance(300_000)
    await send(url, 'x', fifo('a', 'one'))
    expect(model.size(url)).toBe(1)
  })

  test('takes no delay per message, and no message without a group of allowed characters', async () => {
    const url = model.createQueue('a.fifo')
    const delayed = { ...fifo('a', 'b'), DelaySeconds: 1 }
    expect(await send(url, 'x', delayed)).toBe('InvalidParameterValue')
    expect(await send(url, 'x', { MessageDeduplicationId: 'a' })).toBe('MissingParameter')
    expect(await send(url, 'x', fifo('ü', 'a'))).toBe('InvalidParameterValue')
    expect(await send(url, 'x', fifo('a b', 'a'))).toBe('InvalidParameterValue')
  })

  test('refuses to delete under a receipt that has expired', async () => {
    const url = model.createQueue('a.fifo')
    await send(url, 'x', fifo('a', 'b'))
    const [message] = await receive(url)
    await clock.advance(30_000)
    expect(await remove(url, message?.ReceiptHandle)).toBe('ReceiptHandleIsInvalid')
    await receive(url)
    expect(await hide(url, message?.ReceiptHandle)).toBe('ReceiptHandleIsInvalid')
  })
})

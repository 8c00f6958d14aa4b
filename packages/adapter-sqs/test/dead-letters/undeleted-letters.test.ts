import type { StoredDeadLetter, WalError } from '@daybook/core'
import { makeDeadLetter, makeStoredRecord, type VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { queueDeadLetters, type SqsClient } from '../../src/index.ts'
import type { SqsModel } from '../../src/testing/index.ts'
import { mortalClient } from '../mortal-client.ts'
import { fourteenDaysMs, letterQueueOnModel } from '../support/letter-queue.ts'

const dayMs = 24 * 3_600_000
let clock: VirtualClock
let model: SqsModel
let queueUrl: string
beforeEach(() => {
  ;({ clock, model, queueUrl } = letterQueueOnModel())
})

/** Refuses each entry of a deletion. */
const refusing = (): SqsClient => ({
  ...mortalClient(model).client,
  deleteMessageBatch: async ({ Entries }) => ({
    Successful: [],
    Failed: Entries.map(({ Id = '' }) => ({ Id, Code: 'InternalError', SenderFault: false })),
  }),
})
const send = (body: string) =>
  model.sendMessageBatch({ QueueUrl: queueUrl, Entries: [{ Id: '0', MessageBody: body }] })
/** The bodies of all messages. */
async function bodies(): Promise<string[]> {
  const taken = await model.receiveMessage({
    ...{ QueueUrl: queueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 0 },
    ...{ VisibilityTimeout: 0, MessageSystemAttributeNames: [] },
  })
  return (taken.Messages ?? []).map(({ Body = '' }) => Body)
}

describe('a message that is not deleted after it was sent anew', () => {
  test('is not sent anew again, and is told of', async () => {
    const errors: WalError[] = []
    const onError = (error: WalError): void => void errors.push(error)
    const letters = queueDeadLetters({ client: refusing(), queueUrl, clock, onError })
    await clock.runUntil(letters.put([makeDeadLetter()]))
    await clock.advance(13.9 * dayMs)
    expect(model.size(queueUrl)).toBe(2)
    expect(errors[0]).toMatchObject({ message: expect.stringContaining('InternalError') })
    // Those that were sent anew go the same way, and the old ones are removed by SQS.
    await clock.advance(28 * dayMs)
    expect(model.size(queueUrl)).toBeLessThanOrEqual(3)
  })

  test('goes with the next pass that can delete it', async () => {
    const refused = refusing()
    const client = { ...refused }
    const letters = queueDeadLetters({ client, queueUrl, clock })
    await clock.runUntil(letters.put([makeDeadLetter()]))
    await clock.advance(7.2 * dayMs)
    client.deleteMessageBatch = model.deleteMessageBatch.bind(model)
    await clock.advance(dayMs)
    expect(model.size(queueUrl)).toBe(1)
  })
})

test('a letter of which it is not known whether it was sent anew stays as it was', async () => {
  let isOut = false
  const client: SqsClient = {
    ...mortalClient(model).client,
    // Nothing is stored, and nobody says so.
    sendMessageBatch: async (input) => {
      if (isOut) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
      return model.sendMessageBatch(input)
    },
  }
  const errors: WalError[] = []
  const onError = (error: WalError): void => void errors.push(error)
  const letters = queueDeadLetters({ client, queueUrl, clock, onError })
  const letter = makeDeadLetter()
  await clock.runUntil(letters.put([letter]))
  isOut = true
  await clock.advance(9 * dayMs)
  expect(errors[0]?.message).toContain('socket hang up')
  expect(model.size(queueUrl)).toBe(1)
  isOut = false
  await clock.advance(20 * dayMs)
  expect((await clock.runUntil(letters.list({}))).letters).toEqual([letter])
  await clock.runUntil(letters.close())
})

describe('two messages of one put', () => {
  test('become one in the pass that sends them anew', async () => {
    const letters = queueDeadLetters({ client: model, queueUrl, clock })
    await clock.runUntil(letters.put([makeDeadLetter()]))
    const [body = ''] = await bodies()
    await send(body)
    await clock.advance(8 * dayMs)
    expect(model.size(queueUrl)).toBe(1)
    expect(await bodies()).toEqual([body])
  })

  test('are both sent anew where they are no letters', async () => {
    const letters = queueDeadLetters({ client: model, queueUrl, clock })
    await send('hello')
    await send('hello')
    await clock.runUntil(letters.list({}))
    await clock.advance(15 * dayMs)
    expect(await bodies()).toEqual(['hello', 'hello'])
  })
})

describe('a letter that was removed and comes again', () => {
  const once = async (letter: StoredDeadLetter) => {
    const put = new Map<string, Uint8Array>()
    const store = {
      put: async (name: string, bytes: Uint8Array) => void put.set(name, bytes),
      get: async (name: string) => put.get(name),
      delete: async (name: string) => void put.delete(name),
    }
    const letters = queueDeadLetters({ client: model, queueUrl, clock, store, prefix: 'l/' })
    const done = letters.put([letter])
    // Compressing takes a thread's time.
    while (model.size(queueUrl) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      await clock.advance(0)
    }
    await clock.runUntil(done)
    const [body = ''] = await bodies()
    expect(await clock.runUntil(letters.remove([letter.id]))).toBe(1)
    expect(put.size).toBe(0)
    return { letters, body }
  }

  test('is deleted by a pass, and not sent anew', async () => {
    const { body } = await once(makeDeadLetter())
    await clock.advance(dayMs)
    await send(body)
    await clock.advance(8 * dayMs)
    expect(model.size(queueUrl)).toBe(0)
  })

  test('is no damaged letter though its body has left the store', async () => {
    queueUrl = model.createQueue('small', {
      retentionMs: fourteenDaysMs,
      maximumMessageSize: 2_000,
    })
    const payload = crypto.getRandomValues(new Uint8Array(3_000))
    const { letters, body } = await once(makeDeadLetter({ record: makeStoredRecord({ payload }) }))
    expect(body).toContain('claim')
    await send(body)
    expect((await clock.runUntil(letters.list({}))).letters).toEqual([])
    expect(model.size(queueUrl)).toBe(0)
  })
})

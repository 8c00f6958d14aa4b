import type { StoredDeadLetter } from '@daybook/core'
import { makeDeadLetter, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { queueDeadLetters, type SqsClient } from '../../src/index.ts'
import { SqsModel } from '../../src/testing/index.ts'
import { mortalClient } from '../mortal-client.ts'
import { fourteenDaysMs } from '../support/letter-queue.ts'

const dayMs = 24 * 3_600_000

/** Letters that lie for two years in a queue that one process after the other has open, as a client sees them. */
async function twoYears(clientOver: (model: SqsModel) => SqsClient, processes = 1) {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('letters', { retentionMs: fourteenDaysMs })
  const client = clientOver(model)
  let renewed = 0
  const open = () => queueDeadLetters({ client, queueUrl, clock, onRenewed: () => renewed++ })
  const put: StoredDeadLetter[] = []
  for (let quarter = 0; quarter < 8; quarter++) {
    const opened = Array.from({ length: processes }, open)
    const [first] = opened
    const letters = Array.from({ length: 12 }, () => makeDeadLetter())
    await clock.runUntil(first?.put(letters) as Promise<void>)
    put.push(...letters)
    // A pass of every process begins with its first call.
    for (const one of opened) await clock.runUntil(one.get('none').catch(() => {}))
    await clock.advance(90 * dayMs)
    await clock.runUntil(Promise.all(opened.map((one) => one.close())))
    await clock.advance(dayMs)
  }
  const reader = open()
  const { letters } = await clock.runUntil(reader.list({ limit: 1_000 }))
  await clock.runUntil(reader.close())
  return { put, letters, renewed, messages: model.size(queueUrl) }
}

const ids = (letters: readonly StoredDeadLetter[]) => letters.map(({ id }) => id)

test('letters lie for two years in a queue that keeps nothing for longer than 14 days', async () => {
  const { put, letters, renewed, messages } = await twoYears((model) => model)
  expect(letters).toEqual(put)
  expect(messages).toBe(put.length)
  // Each about once in seven days and a half: those put first 97 times, those put last 12 times.
  const weeks = put.reduce((sum, _, at) => sum + (8 - Math.floor(at / 12)) * 13, 0)
  expect(renewed).toBeGreaterThan(weeks * 0.85)
  expect(renewed).toBeLessThanOrEqual(weeks)
})

test('letters that two processes renew are listed once each', async () => {
  const { put, letters } = await twoYears((model) => model, 2)
  expect(letters).toEqual(put)
})

test('a client that drops what is sent anew is seen to lose letters', async () => {
  const { put, letters } = await twoYears((model) => ({
    ...mortalClient(model).client,
    async sendMessageBatch(input) {
      const isNew = input.Entries.every(({ MessageBody }) => !seen.has(MessageBody))
      for (const { MessageBody } of input.Entries) seen.add(MessageBody)
      if (isNew) return model.sendMessageBatch(input)
      return { Successful: input.Entries.map(({ Id }) => ({ Id })), Failed: [] }
    },
  }))
  expect(letters.length).toBeLessThan(put.length)
})
const seen = new Set<string>()

test('a client that deletes what it should show again is seen to lose letters', async () => {
  const { put, letters } = await twoYears((model) => ({
    ...mortalClient(model).client,
    changeMessageVisibilityBatch: ({ QueueUrl, Entries }) =>
      model.deleteMessageBatch({
        QueueUrl,
        Entries: Entries.map(({ Id, ReceiptHandle }) => ({ Id, ReceiptHandle })),
      }),
  }))
  expect(ids(letters)).not.toEqual(ids(put))
})

test('a letter whose old message was not deleted after it was sent anew is one letter', async () => {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('letters', { retentionMs: fourteenDaysMs })
  const dying = mortalClient(model)
  const client: SqsClient = {
    ...dying.client,
    deleteMessageBatch: async (input) => {
      dying.die()
      return dying.client.deleteMessageBatch(input)
    },
  }
  const letter = makeDeadLetter()
  const first = queueDeadLetters({ client, queueUrl, clock, requestTimeoutMs: 600_000 })
  await clock.runUntil(first.put([letter]))
  await clock.advance(8 * dayMs)
  expect(model.size(queueUrl)).toBe(2)
  const second = queueDeadLetters({ client: model, queueUrl, clock })
  expect((await clock.runUntil(second.list({}))).letters).toEqual([letter])
  // The two were seen together, so the older one could go.
  expect(model.size(queueUrl)).toBe(1)
  expect(await clock.runUntil(second.remove([letter.id]))).toBe(1)
  expect(model.size(queueUrl)).toBe(0)
  await clock.runUntil(second.close())
})

import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { ReceivedMessage } from '../src/sqs-client.ts'
import { encodeClaim, encodeEnvelope, withTried } from '../src/sqs-envelope.ts'
import { partedByStore } from '../src/sqs-hiding.ts'
import { readMessages } from '../src/sqs-read-message.ts'

const record = makeStoredRecord({ payload: new Uint8Array(100) })
const message = (Body: string, fields: Partial<ReceivedMessage> = {}): ReceivedMessage => ({
  ...{ MessageId: 'm', ReceiptHandle: 'r', Body },
  ...fields,
})
const storing = (text?: string) => ({
  get: async () => (text === undefined ? undefined : Buffer.from(text)),
})
const claim = encodeClaim('name', record)

async function readOne(body: string, store?: ReturnType<typeof storing>) {
  const { read, failure } = await readMessages([message(body)], store)
  const [{ record: { payload } = record, ...one } = {}] = read
  return { ...one, failure, text: Buffer.from(payload ?? []).toString() }
}

test.each([
  ['no JSON', 'by hand', undefined, 'by hand'],
  ['half of a claim', '{"v":1,"claim":"na', undefined, '{"v":1,"claim":"na'],
  ['a claim of no text', '{"v":1,"claim":7}', undefined, '{"v":1,"claim":7}'],
  ['what lies in the store', claim, storing('by hand'), 'by hand'],
  ['a claim of nothing', claim, storing(), claim],
])(
  'what is no record is read as unreadable, with its text and its size: %s',
  async (_, body, store, text) => {
    const read = await readOne(body, store)
    expect(read).toMatchObject({ text, body, bytes: text.length, heldUntil: 0 })
    expect(read.unreadable?.code).toBe('ERR_UNDECODABLE')
    if (body === claim && text === claim)
      expect(read.unreadable?.message).toContain("nothing under 'name'")
    // It is taken away with its message.
    expect(read.claim).toBe(store && 'name')
  },
)

test('a record counts for what is held of it, wherever it lay', async () => {
  const body = encodeEnvelope(record, undefined)
  expect(await readOne(body)).toMatchObject({ bytes: body.length, claim: undefined })
  expect(await readOne(claim, storing(body))).toMatchObject({ bytes: body.length, claim: 'name' })
})

test('a record waits for the later of its time and that of its release', async () => {
  const attempts = { spent: 1, interrupted: 0, notBefore: 0, history: [] }
  for (const [dueAt, until] of [
    [2_000, 1_000],
    [1_000, 2_000],
    [2_000, 0],
  ] as const) {
    const body = encodeEnvelope({ ...record, dueAt }, undefined)
    const tried = (text: string): string => withTried(text, { attempts, until }, 10_000)
    const expected = { heldUntil: 2_000, attempts }
    expect(await readOne(tried(body))).toMatchObject(expected)
    expect(await readOne(tried(claim), storing(body))).toMatchObject(expected)
  }
})

test('a claim is no record that cannot be read where there is no store to ask, or it is down', async () => {
  const small = message(encodeEnvelope(record, undefined), { MessageId: 'small' })
  const down = { get: () => Promise.reject(new Error('down')) }
  for (const [store, code] of [
    [undefined, 'ERR_CONFIG'],
    [down, 'ERR_IO'],
  ] as const) {
    const { read, failure } = await readMessages([message(claim), small], store)
    expect(read.map(({ messageId }) => messageId)).toEqual(['small'])
    expect(failure).toMatchObject({ code })
  }
})

test('what a message says of how it came is read with it, whether it is a record or none', async () => {
  const Attributes = {
    ...{ ApproximateReceiveCount: '3', SentTimestamp: '1700000000000', MessageGroupId: 'g' },
  }
  for (const body of [encodeEnvelope(record, undefined), 'by hand']) {
    const { read } = await readMessages([message(body, { Attributes })], undefined)
    expect(read[0]).toMatchObject({ handOuts: 3, sentAt: 1_700_000_000_000, group: 'g' })
    expect(read[0]).toMatchObject({ messageId: 'm', receipt: 'r', body })
  }
})

test('only what the store is asked for is read by itself, with all of its group', () => {
  const small = encodeEnvelope(record, undefined)
  const of = (MessageId: string, body: string, group?: string): ReceivedMessage =>
    message(body, { MessageId, ...(group && { Attributes: { MessageGroupId: group } }) })
  const parts = (messages: readonly ReceivedMessage[]) =>
    partedByStore(messages).map((part) => part.map(({ MessageId }) => MessageId).join(' '))
  expect(parts([])).toEqual([])
  expect(parts([of('1', small), of('2', small)])).toEqual(['1 2'])
  expect(parts([of('1', small), of('2', claim), of('3', claim), of('4', small)])).toEqual([
    '1 4',
    '2',
    '3',
  ])
  const grouped = [of('1', small, 'a'), of('2', claim, 'b'), of('3', small, 'b')]
  expect(parts(grouped)).toEqual(['1', '2 3'])
})

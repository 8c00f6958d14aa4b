import { makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { decodeEnvelope, encodeEnvelope } from '../src/sqs-envelope.ts'

const sent = { producer: 'one', count: 7 }
const records = [
  makeStoredRecord({ payload: undefined, op: 'delete', headers: {}, attemptEpoch: 0 }),
  makeStoredRecord({ payload: new Uint8Array(), key: 'half \ud800 of a pair, \ufffe and \uffff' }),
  makeStoredRecord({ payload: Uint8Array.of(0, 255), headers: { a: '"\\' }, attemptEpoch: 3 }),
]

test.each(records)('a record comes out of a message as it went in: %#', (record) => {
  const body = encodeEnvelope(record, sent)
  expect(decodeEnvelope(body)).toEqual({ record, sent })
  expect(body).not.toMatch(/[\ufffe\uffff\ud800]/)
})

test('what a record does not have takes no room in its message, and may stand there all the same', () => {
  const record = makeStoredRecord({ headers: {}, attemptEpoch: 0 })
  const body = encodeEnvelope(record, sent)
  expect(body).not.toMatch(/headers|attemptEpoch|dueAt|target/)
  const spelled = body.replace('{', '{"headers":{},"attemptEpoch":0,')
  expect(decodeEnvelope(spelled).record).toEqual(record)
})

test('the payload of a record that is kept keeps no other memory alive', () => {
  for (const bytes of [1, 300, 1_024, 5_000]) {
    const payload = new Uint8Array(bytes).fill(7)
    const { record } = decodeEnvelope(encodeEnvelope(makeStoredRecord({ payload }), sent))
    expect(record.payload).toEqual(payload)
    expect(record.payload?.buffer.byteLength).toBe(bytes)
  }
})

test('a payload is as long as what its base64 says, also where others broke that into lines', () => {
  const payload = Buffer.from('hello')
  const body = encodeEnvelope(makeStoredRecord({ payload }), sent)
  const { record } = decodeEnvelope(body.replace('aGVsbG8=', 'aGVs\\r\\nbG8='))
  expect(record.payload).toEqual(new Uint8Array(payload))
})

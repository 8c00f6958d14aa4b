import { makeDeadLetter, makeStoredRecord } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { letterMessage, letterOf, removalMessage } from '../src/dead-letters/letter-message.ts'
import { bytesOf, messageOf } from '../src/kafka-message.ts'
import { recordOf } from '../src/kafka-record.ts'

test('the payload is the value and the headers are headers, for anybody to read', () => {
  const payload = Buffer.from('{"title":"Notorious"}')
  const message = messageOf(makeStoredRecord({ key: 'tt1', payload, headers: { lang: 'en' } }))
  expect(message.key?.toString()).toBe('tt1')
  expect(message.value).toEqual(payload)
  expect(message.headers.get('lang')?.toString()).toBe('en')
})

test('headers of a name that is taken, or special, come back by their own name', () => {
  const headers = Object.fromEntries(
    ['daybook-id', 'daybook-h-x', 'traceparent', 'constructor', '__proto__'].map((name) => [
      name,
      name,
    ]),
  )
  const record = makeStoredRecord({ headers, payload: Buffer.from('{}') })
  const message = messageOf(record)
  expect(recordOf(message)).toEqual(record)
  expect([...message.headers.keys()].filter((name) => name in Object.prototype)).toEqual([])
})

test('a message of somebody else is no record, and says what is missing', () => {
  const foreign = { key: null, value: Buffer.from('hello'), headers: new Map() }
  expect(() => recordOf(foreign)).toThrow(/no header "daybook-id"/)
})

test.each([
  ['daybook-op', 'drop'],
  ['daybook-version', '1.5'],
  ['daybook-written-at', 'today'],
])('a message whose %s is "%s" is no record', (name, value) => {
  const { key, headers } = messageOf(makeStoredRecord())
  const broken = new Map(headers).set(name, Buffer.from(value))
  expect(() => recordOf({ key, value: null, headers: broken })).toThrow(/no record of a wal/)
})

test('a message counts for at least all of its bytes', () => {
  const message = messageOf(
    makeStoredRecord({ payload: new Uint8Array(1_000), key: 'k'.repeat(50) }),
  )
  const texts = [...message.headers].map(([name, text]) => name.length + text.byteLength)
  expect(bytesOf(message)).toBeGreaterThan(1_050 + texts.reduce((sum, bytes) => sum + bytes, 0))
})

test('a letter comes back from its message, with and without a payload', () => {
  for (const payload of [undefined, Buffer.alloc(0), Buffer.from('x')]) {
    const letter = makeDeadLetter({ record: makeStoredRecord({ payload, key: undefined }) })
    expect(letterOf(letterMessage(letter))).toEqual(letter)
  }
})

test('neither a removal nor a message of somebody else is a letter', () => {
  expect(letterOf(removalMessage('id'))).toBeUndefined()
  expect(
    letterOf({ key: Buffer.from('id'), value: Buffer.from('x'), headers: new Map() }),
  ).toBeUndefined()
})

test('records of several namespaces, origins and ops keep each their own in turn', () => {
  const records = [
    makeStoredRecord({ namespace: 'films', origin: 'eu', op: 'put', payload: Buffer.from('1') }),
    makeStoredRecord({ namespace: 'books', origin: 'us', op: 'delete', payload: undefined }),
    makeStoredRecord({ namespace: 'films', origin: 'us', op: 'patch', payload: Buffer.from('2') }),
    makeStoredRecord({ namespace: 'films', origin: 'eu', op: 'put', payload: Buffer.from('3') }),
  ]
  // All are made before any is read: what is remembered of one must not be written over for another.
  const messages = records.map(messageOf)
  expect(messages.map(recordOf)).toEqual(records)
})

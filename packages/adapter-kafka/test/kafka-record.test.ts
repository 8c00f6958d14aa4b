import type { Op, StoredRecord } from '@daybook/core'
import { makeStoredRecord, SeededRandom } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { KafkaMessage } from '../src/kafka-client.ts'
import { messageOf } from '../src/kafka-message.ts'
import { recordOf } from '../src/kafka-record.ts'
import { KafkaJsHeaders } from '../src/kafkajs/kafkajs-headers.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

test('any record comes back from its message as it was, through the headers of both clients', () => {
  const random = new SeededRandom(seed)
  for (let round = 0; round < 2_000; round++) {
    const record = anyRecord(random)
    const message = messageOf(record)
    expect(recordOf(message)).toEqual(record)
    const headers = new KafkaJsHeaders(Object.fromEntries(message.headers))
    expect(recordOf({ ...message, headers })).toEqual(record)
  }
})

test('any record comes back from a message with all of its headers, as they were written before some were left out', () => {
  const random = new SeededRandom(seed)
  for (let round = 0; round < 2_000; round++) {
    const record = anyRecord(random)
    expect(recordOf(withAllHeaders(messageOf(record), record))).toEqual(record)
  }
})

test('a usual record has three headers, and each field that a reader could not tell has one more', () => {
  const version = 1_764_000_000_000_016n
  const usual = { version, writtenAt: 1_764_000_000_000, payload: Buffer.from('1') }
  const namesOf = (changed: Partial<StoredRecord>): string[] => [
    ...messageOf({ ...makeStoredRecord(usual), ...changed }).headers.keys(),
  ]
  const always = ['daybook-id', 'daybook-namespace', 'daybook-version']
  expect(namesOf({})).toEqual(always)
  expect(namesOf({ op: 'patch' })).toEqual([...always, 'daybook-op'])
  expect(namesOf({ origin: 'eu' })).toEqual([...always, 'daybook-origin'])
  expect(namesOf({ writtenAt: usual.writtenAt - 1 })).toEqual([...always, 'daybook-written-at'])
})

test.each(['daybook-id', 'daybook-namespace', 'daybook-version'])(
  'a message without %s is no record, however many other headers it has',
  (name) => {
    const record = makeStoredRecord({ origin: 'eu', headers: { lang: 'en' } })
    const message = withAllHeaders(messageOf(record), record)
    const headers = new Map([...message.headers].filter(([stored]) => stored !== name))
    expect(() => recordOf({ ...message, headers })).toThrow(`no header "${name}"`)
  },
)

function withAllHeaders(message: KafkaMessage, { op, origin, writtenAt }: StoredRecord) {
  const headers = new Map(message.headers)
  headers.set('daybook-op', Buffer.from(op))
  headers.set('daybook-origin', Buffer.from(origin))
  headers.set('daybook-written-at', Buffer.from(String(writtenAt)))
  return { ...message, headers }
}

/** Each field at its usual value, at its edges, and anywhere. */
function anyRecord(random: SeededRandom): StoredRecord {
  const pick = <T>(...of: readonly T[]): T => of[random.integer(0, of.length - 1)] as T
  const text = (): string => pick('', 'local', 'eu', 'put', '0', 'ü€𝄞', `any ${random.next()}`)
  const writtenAt = pick(0, 1, 1_764_000_000_000, 1_764_000_000_000.5, random.integer(0, 2 ** 52))
  // Of the same instant, a step beside it, and up to the largest that there is.
  const near = BigInt(Math.floor(writtenAt)) * 1000n + BigInt(random.integer(0, 1_999))
  const version = pick(near, near, 0n, 1n, 2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n - 1n)
  const op = pick<Op>('put', 'put', 'patch', 'delete')
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  return makeStoredRecord({
    op,
    version,
    writtenAt,
    namespace: pick('films', text()),
    origin: pick('local', text()),
    key: pick(undefined, text()),
    payload: op === 'delete' && pick(true, false) ? undefined : Buffer.from(text()),
    headers: pick({}, { [`h${text()}`]: text() }, { 'daybook-op': text(), tracestate: text() }),
    dueAt: pick(undefined, undefined, 0, random.integer(0, 2 ** 52)),
    target: pick(undefined, undefined, text()),
    transaction: pick(undefined, undefined, { id: text(), index: random.integer(0, 9) }),
    attemptEpoch: pick(0, 0, random.integer(1, 9)),
    traceContext: pick(undefined, { traceparent }, { traceparent, tracestate: text() }),
    encryptionKeyId: pick(undefined, undefined, text()),
  })
}

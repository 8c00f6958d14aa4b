import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeRecord,
  encodeRecord,
  recordBound,
  recordFromBytes,
  recordToBytes,
  recordVersion,
} from '../../../src/queue/file/record-format.ts'
import { systemRandom } from '../../../src/random.ts'
import type { StoredRecord } from '../../../src/record.ts'
import { RecordIds } from '../../../src/record-id.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** Any text, half of a surrogate pair included. */
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), halfPairs())
const counts = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const instant = fc.double({ min: 0, max: 8.64e15, noNaN: true })

function halfPairs(): fc.Arbitrary<string> {
  return fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units))
}

function orNothing<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined })
}

const traceContexts = fc
  .record({ traceparent: text, tracestate: orNothing(text) })
  .map(({ traceparent, tracestate }) =>
    tracestate === undefined ? { traceparent } : { traceparent, tracestate },
  )

const records: fc.Arbitrary<StoredRecord> = fc.record({
  id: fc.oneof(
    fc.uuid(),
    fc.uuid().map((id) => id.toUpperCase()),
    text,
  ),
  namespace: fc.oneof(fc.constant('films'), text),
  key: orNothing(text),
  op: fc.constantFrom('put' as const, 'patch' as const, 'delete' as const),
  headers: fc.dictionary(text, text, { noNullPrototype: true }),
  writtenAt: instant,
  dueAt: orNothing(instant),
  version: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  origin: text,
  target: orNothing(text),
  transaction: orNothing(fc.record({ id: text, index: counts }, { noNullPrototype: true })),
  attemptEpoch: counts,
  traceContext: orNothing(traceContexts),
  encryptionKeyId: orNothing(text),
  payload: orNothing(fc.uint8Array()),
})

function comparable(record: StoredRecord): unknown {
  return { ...record, payload: record.payload && [...record.payload] }
}

describe('the record format', () => {
  it('gives back any record as it was, within the bound and nowhere else in the buffer', () => {
    fc.assert(
      fc.property(records, fc.integer({ min: 0, max: 40 }), (record, at) => {
        const bound = recordBound(record)
        const buffer = Buffer.alloc(at + bound + 8, 0xee)
        const end = encodeRecord(record, buffer, at, 'films')
        expect(end).toBeLessThanOrEqual(at + bound)
        expect(buffer.subarray(0, at).every((byte) => byte === 0xee)).toBe(true)
        expect(recordVersion(buffer, at)).toBe(record.version)
        const decoded = decodeRecord(buffer, at, end, 'films')
        expect(comparable(decoded)).toStrictEqual(comparable(record))
      }),
      { seed, numRuns: 500 },
    )
  })

  it('gives back any record from bytes that stand by themselves', () => {
    fc.assert(
      fc.property(records, (record) => {
        const decoded = recordFromBytes(recordToBytes(record))
        expect(comparable(decoded)).toStrictEqual(comparable(record))
      }),
      { seed },
    )
  })

  it('tells an empty payload, an empty key and an empty header from none', () => {
    const empty = makeStoredRecord({ payload: new Uint8Array(), key: '', headers: { '': '' } })
    const none = makeStoredRecord({ payload: undefined, key: undefined, headers: {} })
    expect(recordFromBytes(recordToBytes(empty))).toMatchObject({ key: '', headers: { '': '' } })
    expect(recordFromBytes(recordToBytes(empty)).payload).toHaveLength(0)
    const decoded = recordFromBytes(recordToBytes(none))
    expect([decoded.payload, decoded.key, decoded.headers]).toEqual([undefined, undefined, {}])
  })

  it('keeps a header named like a property that every object has', () => {
    const headers = Object.fromEntries([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
    const decoded = recordFromBytes(recordToBytes(makeStoredRecord({ headers })))
    expect(Object.entries(decoded.headers)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
  })

  it('does not share the payload with the buffer it was read from', () => {
    const bytes = recordToBytes(makeStoredRecord({ payload: Buffer.from('before') }))
    const decoded = recordFromBytes(bytes)
    bytes.fill(0)
    expect(Buffer.from(decoded.payload ?? []).toString()).toBe('before')
  })

  it('takes 16 bytes for an id that is a canonical UUID', () => {
    const id = '0190a5d0-ac96-774b-bcce-b302099a8057'
    const uuid = recordToBytes(makeStoredRecord({ id, key: 'k' }))
    const upper = recordToBytes(makeStoredRecord({ id: id.toUpperCase(), key: 'k' }))
    expect(upper.length - uuid.length).toBe(4 + 36 - 16)
    expect(recordFromBytes(upper).id).toBe('0190A5D0-AC96-774B-BCCE-B302099A8057')
  })

  it('keeps each id of several makers, encoded at once or after others were made', () => {
    const makers = [new RecordIds(systemRandom), new RecordIds(systemRandom)] as const
    const now = Date.UTC(2026, 0, 1)
    // Made first: it has an id of its own.
    const record = makeStoredRecord()
    const encoded = (id: string) => recordFromBytes(recordToBytes({ ...record, id })).id
    const [first, second, third] = [makers[0].next(now), makers[1].next(now), makers[0].next(now)]
    expect([third, second, first, third].map(encoded)).toEqual([third, second, first, third])
    const fourth = makers[1].next(now + 1)
    expect([first, fourth, second].map(encoded)).toEqual([first, fourth, second])
    expect(encoded('')).toBe('')
  })

  it('refuses a record with parts it does not know', () => {
    const bytes = recordToBytes(makeStoredRecord())
    bytes.writeUInt16LE(bytes.readUInt16LE(2) | (1 << 15), 2)
    expect(() => recordFromBytes(bytes)).toThrow(
      expect.objectContaining({ code: 'ERR_FUTURE_FORMAT' }),
    )
  })
})

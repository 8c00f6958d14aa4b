import { expect, it } from 'vitest'
import { jsonCodec } from '../../src/index.ts'
import { encodeMarker, markerOf, markerRecord } from '../../src/transaction/marker.ts'

const marker = { mutations: 2, targets: { rows: { mutations: 2, keys: ['a', 'b'] } } }
const fields = { namespace: 'shop', origin: 'local', now: 1_763_971_200_000, version: 16n }
const record = markerRecord({
  ...{ ...fields, id: '019ab3f0-0000-7000-8000-000000000001' },
  ...{ mutations: 2, payload: encodeMarker(marker) },
})

it('a marker says what was put into it', () => {
  expect(markerOf(record)).toEqual(marker)
})

it.each(['{"value":"2"}', 'null', '"text"', '{"targets":null}', 'no JSON'])(
  'a marker that is something else is not read as one: %s',
  (payload) => {
    expect(markerOf({ ...record, payload: new TextEncoder().encode(payload) })).toBeUndefined()
  },
)

it('a marker without a payload is not read as one', () => {
  expect(markerOf({ ...record, payload: undefined })).toBeUndefined()
  expect(markerOf({ ...record, payload: jsonCodec.encode([]) })).toBeUndefined()
})

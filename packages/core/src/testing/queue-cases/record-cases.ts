import type { StoredRecord } from '../../record.ts'
import { check, checkEqual } from '../check.ts'
import type { QueueCase, QueueFixture } from './queue-fixture.ts'

/** What goes in comes out, to the bit. */
export const recordCases: readonly QueueCase[] = [
  { name: 'keeps every field of a record', run: keepsEveryField },
  { name: 'keeps fields that are not set apart from empty ones', run: keepsUnsetFields },
  { name: 'keeps every byte of a binary payload', run: keepsBytes },
  { name: 'keeps exactly the bytes of a view into a larger buffer', run: keepsViews },
  { name: 'keeps no payload apart from an empty one', run: keepsEmptyPayload },
  { name: 'keeps versions up to 2^63-1 exactly', run: keepsVersions },
  { name: 'keeps keys and headers of any letters', run: keepsTexts },
  { name: 'keeps each op', run: keepsOps },
  { name: 'counts at least the payload as bytes of a delivery', run: countsBytes },
  { name: 'gives positions that grow along a key', run: positionsGrow },
]

const fieldsExact = 'A record is handed out exactly as it was sent'

async function keepsEveryField(fixture: QueueFixture): Promise<void> {
  const now = fixture.clock.now()
  await checkKept(
    fixture,
    fixture.record({
      key: 'tt0111161',
      op: 'patch',
      payload: Uint8Array.of(1, 2, 3),
      headers: { 'content-type': 'application/json', empty: '' },
      writtenAt: now - 12_345,
      dueAt: now - 1_000,
      version: 1_763_971_200_123_457n,
      origin: 'eu-west-1',
      target: 'first',
      transaction: { id: '01890a5d-ac96-774b-bcce-b302099a8057', index: 41 },
      attemptEpoch: 3,
      traceContext: {
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        tracestate: 'vendor=value,other=1',
      },
      encryptionKeyId: 'kms/alias/payloads-2',
    }),
  )
}

async function keepsUnsetFields(fixture: QueueFixture): Promise<void> {
  const withoutState = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00' }
  const records = [
    fixture.record(),
    fixture.record({ transaction: { id: 'first', index: 0 } }),
    fixture.record({ traceContext: withoutState }),
  ]
  // Only where no order is asked for may a record be without a key, and such a queue must carry it.
  await checkKept(fixture, ...records, fixture.record({ key: undefined }))
}

async function keepsBytes(fixture: QueueFixture): Promise<void> {
  const everyByte = Uint8Array.from({ length: 256 }, (_, at) => at)
  const notUtf8 = Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x00, 0xed, 0xa0, 0x80)
  const zeros = new Uint8Array(4096)
  await checkKept(
    fixture,
    ...[everyByte, notUtf8, zeros].map((payload) => fixture.record({ payload })),
  )
}

async function keepsViews(fixture: QueueFixture): Promise<void> {
  const whole = Uint8Array.from({ length: 100 }, (_, at) => at)
  await checkKept(
    fixture,
    fixture.record({ payload: whole.subarray(40, 43) }),
    fixture.record({ payload: Buffer.from('a slice of the pool of buffers') }),
  )
}

async function keepsEmptyPayload(fixture: QueueFixture): Promise<void> {
  await checkKept(
    fixture,
    fixture.record({ op: 'delete', payload: undefined }),
    fixture.record({ op: 'delete', payload: new Uint8Array(0) }),
  )
}

async function keepsVersions(fixture: QueueFixture): Promise<void> {
  const versions = [1n, 2n ** 53n + 1n, 2n ** 62n + 12_345n, 2n ** 63n - 1n]
  await checkKept(fixture, ...versions.map((version) => fixture.record({ version })))
}

async function keepsTexts(fixture: QueueFixture): Promise<void> {
  const keys = [
    'Ærø/ø',
    '日本語',
    '👩‍👩‍👧',
    'a\u0000b',
    ' spaces ',
    '"quoted"',
    '\n',
    'k'.repeat(512),
  ]
  const headers = {
    Größe: 'ü',
    'x-emoji': '🎬',
    line: 'a\r\nb\tc',
    constructor: 'of no class',
    // A name that plain assignment onto an object swallows.
    ['__proto__']: 'kept',
    '': 'no name',
  }
  await checkKept(fixture, ...keys.map((key) => fixture.record({ key, headers })))
}

async function keepsOps(fixture: QueueFixture): Promise<void> {
  const ops = ['put', 'patch', 'delete'] as const
  await checkKept(fixture, ...ops.map((op) => fixture.record({ op })))
}

async function countsBytes(fixture: QueueFixture): Promise<void> {
  await fixture.send(fixture.record({ payload: new Uint8Array(10_000) }))
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  check(
    delivery !== undefined && delivery.bytes >= 10_000,
    'Delivery.bytes is what the record counts for in limits: its payload at least',
    `${delivery?.bytes} bytes for a payload of 10,000`,
  )
}

async function positionsGrow(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(50, { key: 'same' })
  const deliveries = await fixture.take(await fixture.consumer(), 50)
  if (fixture.supports.order !== 'key') return
  deliveries.reduce((before, delivery) => {
    check(
      delivery.position > before.position,
      'Delivery.position grows along the records of a key',
      `${delivery.position} after ${before.position}`,
    )
    return delivery
  })
}

async function checkKept(
  fixture: QueueFixture,
  ...records: readonly StoredRecord[]
): Promise<void> {
  await fixture.send(...records)
  const deliveries = await fixture.pull(await fixture.consumer(), records.length)
  for (const sent of records) {
    const delivery = deliveries.find(({ record }) => record.id === sent.id)
    checkEqual(delivery?.record, sent, fieldsExact)
    check(
      (delivery?.record.payload === undefined) === (sent.payload === undefined),
      'StoredRecord.payload is undefined only for a record sent without one',
      `${delivery?.record.payload} for ${sent.payload}`,
    )
  }
}

import type { SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import { brief, check, checkEqual, checkWalError, fail, within } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** The entry door. */
export const sendCases: readonly QueueCase[] = [
  { name: 'answers one outcome per record, in the order of the batch', run: answersInOrder },
  { name: 'answers an empty batch with no outcomes', run: answersEmptyBatch },
  { name: "refuses a record larger than it declares with 'no'", run: refusesOversized },
  { name: 'takes a record as large as it declares', run: takesLargest },
  { name: "answers 'no' with ERR_CLOSED after close", run: refusesAfterClose },
  { name: 'waits at close for what is on its way', run: waitsAtClose },
  { name: 'keeps its own copy of the bytes once send has resolved', run: keepsItsOwnCopy },
  { name: 'keeps the order of a key among sends that do not wait', run: keepsOrderOfSends },
  { name: 'serves two producers at once', run: servesTwoProducers },
  { name: 'answers truthfully when the caller no longer waits', run: answersAborted },
  { name: 'takes a large batch with many keys', run: takesLargeBatch },
  {
    name: 'answers truthfully for a batch of more records than it declares',
    run: answersOverfullBatch,
  },
]

/** Records past this are not built to see whether they are refused. */
const largestProbeBytes = 128 * 2 ** 20

const oneOutcomePerRecord = 'Producer.send resolves with one outcome per record, in the same order'
const noMeansNo =
  "A record answered with 'yes' is handed out, one answered with 'no' never is, whatever its batch"

async function answersInOrder(fixture: QueueFixture): Promise<void> {
  const oversized = oversizedRecord(fixture)
  const records = [fixture.record(), fixture.record(), fixture.record(), fixture.record()]
  if (oversized) records.splice(2, 0, oversized)
  const outcomes = await (await fixture.producer()).send(records)
  checkEqual(
    outcomes.map(({ durable }) => durable),
    records.map((record) => (record === oversized ? 'no' : 'yes')),
    oneOutcomePerRecord,
  )
  await checkHandedOut(fixture, records, outcomes)
}

async function answersEmptyBatch(fixture: QueueFixture): Promise<void> {
  const outcomes = await (await fixture.producer()).send([])
  checkEqual(outcomes, [], oneOutcomePerRecord)
}

async function refusesOversized(fixture: QueueFixture): Promise<void> {
  const record = oversizedRecord(fixture)
  if (!record) return takesLargest(fixture)
  const [outcome] = await (await fixture.producer()).send([record])
  check(
    outcome?.durable === 'no',
    "Producer.send answers 'no' for a record larger than largestRecordBytes",
    brief(outcome),
  )
  checkWalError(
    outcome.error,
    'The refusal of an oversized record says so',
    'ERR_PAYLOAD_TOO_LARGE',
  )
  await fixture.pullsNothing(await fixture.consumer(), noMeansNo)
}

async function takesLargest(fixture: QueueFixture): Promise<void> {
  // The record's fields count too; these are far below 4 KiB.
  const room = Math.min(fixture.supports.largestRecordBytes, largestProbeBytes) - 4096
  const payload = patterned(Math.max(room, 1))
  await fixture.send(fixture.record({ payload }))
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  check(
    delivery?.record.payload !== undefined &&
      Buffer.compare(delivery.record.payload, payload) === 0,
    'A record up to largestRecordBytes is stored whole',
    `${delivery?.record.payload?.byteLength} bytes of ${payload.byteLength}, or other ones`,
  )
}

async function refusesAfterClose(fixture: QueueFixture): Promise<void> {
  const producer = await fixture.producer()
  await producer.close()
  const contract = "After Producer.close every outcome is 'no' with ERR_CLOSED"
  const sent = producer.send([fixture.record(), fixture.record()])
  const outcomes = await within(fixture.patienceMs, sent, contract)
  checkEqual(
    outcomes.map(({ durable, error }) => [durable, error?.code]),
    [
      ['no', 'ERR_CLOSED'],
      ['no', 'ERR_CLOSED'],
    ],
    contract,
  )
  await fixture.pullsNothing(await fixture.consumer(), noMeansNo)
}

async function waitsAtClose(fixture: QueueFixture): Promise<void> {
  const producer = await fixture.producer()
  const records = Array.from({ length: 20 }, () => fixture.record({ key: 'same' }))
  const sent = records.map((record) => producer.send([record]))
  await producer.close()
  const contract = 'Producer.close waits for what is on its way'
  const outcomes = await within(fixture.patienceMs, Promise.all(sent), contract)
  checkEqual(
    outcomes.flat().map(({ durable }) => durable),
    records.map(() => 'yes'),
    contract,
  )
  await checkHandedOut(fixture, records, outcomes.flat())
}

async function keepsItsOwnCopy(fixture: QueueFixture): Promise<void> {
  const payload = new Uint8Array([1, 2, 3, 4])
  await fixture.send(fixture.record({ payload }))
  payload.fill(9)
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  checkEqual(
    delivery?.record.payload,
    new Uint8Array([1, 2, 3, 4]),
    'Once Producer.send has resolved, the caller may use its bytes again',
  )
}

async function keepsOrderOfSends(fixture: QueueFixture): Promise<void> {
  const keys = ['a', 'b', 'c', 'd', 'e']
  const records = Array.from({ length: 200 }, (_, at) =>
    fixture.record({ key: keys[at % keys.length] }),
  )
  const producer = await fixture.producer()
  const outcomes = await Promise.all(records.map((record) => producer.send([record])))
  const deliveries = await checkHandedOut(fixture, records, outcomes.flat())
  if (fixture.supports.order !== 'key') return
  for (const key of keys) {
    checkEqual(
      idsOf(deliveries.filter(({ record }) => record.key === key)),
      idsOf(records.filter((record) => record.key === key)),
      'Records of one key sent one after the other, also without waiting, are stored in that order',
    )
  }
}

async function servesTwoProducers(fixture: QueueFixture): Promise<void> {
  const other = await fixture.queue.producer()
  const records = Array.from({ length: 20 }, () => fixture.record())
  const mine = await fixture.producer()
  const outcomes = await Promise.all(
    records.map((record, at) => (at % 2 === 0 ? mine : other).send([record])),
  )
  await other.close()
  const after = fixture.record()
  await fixture.send(after)
  await checkHandedOut(fixture, [...records, after], [...outcomes.flat(), { durable: 'yes' }])
}

async function answersAborted(fixture: QueueFixture): Promise<void> {
  const records = [fixture.record(), fixture.record()]
  const contract = 'Failures of the world are outcomes of Producer.send, not rejections'
  const sent = (await fixture.producer()).send(records, { signal: AbortSignal.abort() })
  const outcomes = await within(fixture.patienceMs, sent, contract).catch((error: unknown) =>
    fail(contract, brief(error)),
  )
  checkEqual(outcomes?.length, 2, oneOutcomePerRecord)
  await checkHandedOut(fixture, records, outcomes ?? [])
}

async function takesLargeBatch(fixture: QueueFixture): Promise<void> {
  const { largestBatchRecords, largestBatchBytes } = fixture.supports
  const count = Math.min(3_000, largestBatchRecords, Math.floor(largestBatchBytes / 1_024))
  const records = await fixture.sendMany(count)
  const deliveries = await fixture.pull(await fixture.consumer(), count)
  checkEqual(
    [...idsOf(deliveries)].sort(),
    [...idsOf(records)].sort(),
    'A batch up to largestBatchRecords and largestBatchBytes is stored whole',
  )
}

async function answersOverfullBatch(fixture: QueueFixture): Promise<void> {
  const count = Math.min(fixture.supports.largestBatchRecords, 3_000) + 1
  const records = Array.from({ length: count }, () => fixture.record())
  const outcomes = await (await fixture.producer()).send(records)
  checkEqual(outcomes.length, count, oneOutcomePerRecord)
  await checkHandedOut(fixture, records, outcomes)
}

/** Checks that what is handed out is exactly what was answered with 'yes', give or take the unknown. */
async function checkHandedOut(
  fixture: QueueFixture,
  records: readonly StoredRecord[],
  outcomes: readonly SendOutcome[],
) {
  const idsWith = (durable: string): readonly string[] =>
    idsOf(records.filter((_, at) => outcomes[at]?.durable === durable))
  const durable = idsWith('yes')
  const consumer = await fixture.consumer()
  const taken = await fixture.take(consumer, durable.length)
  const deliveries = [...taken, ...(await fixture.pullAll(consumer))]
  const came = new Set(idsOf(deliveries))
  const lost = durable.filter((id) => !came.has(id))
  check(lost.length === 0, noMeansNo, `${lost.length} answered with 'yes' did not come: ${lost[0]}`)
  const untrue = idsWith('no').filter((id) => came.has(id))
  check(untrue.length === 0, noMeansNo, `${untrue.length} answered with 'no' came: ${untrue[0]}`)
  return deliveries
}

function oversizedRecord(fixture: QueueFixture): StoredRecord | undefined {
  const { largestRecordBytes } = fixture.supports
  if (largestRecordBytes > largestProbeBytes) return undefined
  return fixture.record({ payload: new Uint8Array(largestRecordBytes + 1) })
}

/** Bytes in which a page lost or put in the wrong place shows. */
function patterned(bytes: number): Uint8Array {
  const filled = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at += 509) filled[at] = (at >> 9) & 0xff
  return filled
}

import type { PastRange, PastReader } from '../../queue/past.ts'
import type { StoredRecord } from '../../record.ts'
import { brief, check, checkEqual, checkRefusal, fail } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** Records that are read again. A queue that declares no `replay` must have no reader of them either. */
export const pastCases: readonly QueueCase[] = [
  { name: 'has a reader of the past if it declares replay, and only then', run: hasReader },
  { name: 'reads again what targets are done with, whole and in order', run: readsAgain },
  { name: 'reads the past without a trace in the progress of a target', run: leavesNoTrace },
  { name: 'reads what was stored from one instant to before another', run: readsBetween },
  { name: 'goes on behind the position of a reader, also after a reopening', run: goesOn },
  { name: 'reads up to what was durable when the reader was opened', run: endsWhereItWas },
  { name: 'heeds the limits of a read of the past', run: heedsLimits },
  { name: 'reads nothing of the past once aborted or closed', run: endsWhenTold },
]

const everything: PastRange = { from: undefined, to: undefined }
const idle = new AbortController().signal

async function hasReader({ queue, supports }: QueueFixture): Promise<void> {
  check(
    supports.replay === (queue.pastReader !== undefined),
    'A queue that declares replay has a pastReader, and one without has none',
    `replay: ${supports.replay}, pastReader: ${typeof queue.pastReader}`,
  )
}

/** Runs the case with a reader of the range, where the queue has readers of the past. */
async function reading<T>(
  { queue }: QueueFixture,
  range: PastRange,
  use: (reader: PastReader) => Promise<T>,
): Promise<T | undefined> {
  const reader = await queue.pastReader?.(range)
  if (reader === undefined) return undefined
  try {
    return await use(reader)
  } finally {
    await reader.close()
  }
}

async function readAll(reader: PastReader, maxRecords = 100): Promise<readonly StoredRecord[]> {
  const records: StoredRecord[] = []
  for (;;) {
    const read = await reader.read({ maxRecords, maxBytes: 2 ** 30, signal: idle })
    if (read.length === 0) return records
    for (const { record } of read) records.push(record)
    if (records.length > 10_000) fail('PastReader.read brings nothing at the end', 'it goes on')
  }
}

/** Records of different keys may come in any order, those of one key in theirs. */
function byKey(records: readonly StoredRecord[]): readonly StoredRecord[] {
  return [...records].sort((a, b) => ((a.key ?? '') < (b.key ?? '') ? -1 : 1))
}

async function readsAgain(fixture: QueueFixture): Promise<void> {
  const [target] = fixture.targets
  const later = fixture.clock.now() + fixture.shortDelayMs * 100
  const canWait = fixture.supports.longestDelayMs > fixture.shortDelayMs * 100
  const sent = await fixture.send(
    ...['a', 'b', 'a'].map((key) => fixture.record({ key })),
    fixture.record({ key: 'c', target, attemptEpoch: 1, headers: { one: '1' } }),
    fixture.record({ key: 'd', ...(canWait && { dueAt: Math.ceil(later) }) }),
  )
  const consumer = await fixture.consumer()
  await consumer.ack(await fixture.pull(consumer, canWait ? 4 : 5))
  const records = await reading(fixture, everything, readAll)
  if (records === undefined) return
  checkEqual(byKey(records), byKey(sent), 'PastReader.read brings every record, as it was sent')
}

async function leavesNoTrace(fixture: QueueFixture): Promise<void> {
  const sent = await fixture.sendMany(3, { key: 'k' })
  const consumer = await fixture.consumer()
  const [first, ...others] = await fixture.pull(consumer, 2)
  if (first) await consumer.ack([first])
  if ((await reading(fixture, everything, readAll)) === undefined) return
  await fixture.checkPending(consumer, 2, 'A reader of the past acks nothing and leases nothing')
  await consumer.ack(others)
  const rest = await fixture.pull(consumer, 1)
  checkEqual(idsOf(rest), [sent[2]?.id], 'A target goes on where it was while the past is read')
}

async function readsBetween(fixture: QueueFixture): Promise<void> {
  const pause = async (): Promise<number> => {
    await fixture.passTime(fixture.shortDelayMs)
    const at = fixture.clock.now()
    await fixture.passTime(fixture.shortDelayMs)
    return at
  }
  await fixture.sendMany(2, { key: 'k' })
  const from = await pause()
  const meant = await fixture.sendMany(3, { key: 'k' })
  const to = await pause()
  await fixture.sendMany(2, { key: 'k' })
  const records = await reading(fixture, { from: { at: from }, to: { at: to } }, readAll)
  if (records === undefined) return
  const contract = 'PastRange: what was stored at `from` or later, and before `to`'
  checkEqual(idsOf(records), idsOf(meant), contract)
}

async function goesOn(fixture: QueueFixture): Promise<void> {
  const sent = await fixture.sendMany(6, { key: 'k' })
  const position = await reading(fixture, everything, async (reader) => {
    await reader.read({ maxRecords: 2, maxBytes: 2 ** 30, signal: idle })
    return reader.position
  })
  if (position === undefined) return
  const behind: PastRange = { from: { position }, to: undefined }
  const upTo: PastRange = { from: undefined, to: { position } }
  const first = (await reading(fixture, upTo, readAll)) ?? []
  check(first.length > 0, 'PastReader.position is behind what was read', brief(first))
  const contract = 'A range up to a position and one behind it are the whole, once'
  const rest = await reading(fixture, behind, readAll)
  checkEqual([...idsOf(first), ...idsOf(rest ?? [])], idsOf(sent), contract)
  if (!(await fixture.reopen())) return
  const again = await reading(fixture, behind, readAll)
  checkEqual(again && idsOf(again), rest && idsOf(rest), 'A position means the same when reopened')
}

async function endsWhereItWas(fixture: QueueFixture): Promise<void> {
  const before = await fixture.sendMany(3, { key: 'k' })
  await reading(fixture, everything, async (reader) => {
    await fixture.sendMany(3, { key: 'k' })
    const contract = 'PastReader.read ends at what was durable when the reader was opened'
    checkEqual(idsOf(await readAll(reader)), idsOf(before), contract)
    const { position } = reader
    const after = await reading(fixture, { from: { position }, to: undefined }, readAll)
    check(after?.length === 3, 'A reader at its end has the position of its end', brief(after))
  })
}

async function heedsLimits(fixture: QueueFixture): Promise<void> {
  const sent = await fixture.sendMany(5, { key: 'k', payload: new Uint8Array(1_000) })
  await reading(fixture, everything, async (reader) => {
    const read = async (maxRecords: number, maxBytes: number) =>
      await reader.read({ maxRecords, maxBytes, signal: idle })
    const two = await read(2, 2 ** 30)
    check(two.length > 0 && two.length <= 2, 'PastReadLimits.maxRecords', `${two.length} came`)
    const one = await read(100, 1)
    check(one.length === 1, 'PastReadLimits.maxBytes: one record at least', `${one.length} came`)
    const counted = [...two, ...one].every(({ bytes }) => bytes >= 1_000)
    check(counted, 'PastRecord.bytes counts at least the payload', brief(one[0]?.bytes))
    const rest = await readAll(reader)
    const all = [...two, ...one].map(({ record }) => record.id)
    checkEqual([...all, ...idsOf(rest)], idsOf(sent), 'Reads go on where the last one ended')
  })
}

async function endsWhenTold(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(2, { key: 'k' })
  await reading(fixture, everything, async (reader) => {
    const limits = { maxRecords: 1, maxBytes: 2 ** 30 }
    await checkRefusal(
      reader.read({ ...limits, signal: AbortSignal.abort() }),
      'PastReader.read rejects with ERR_ABORTED once its signal has aborted',
      'ERR_ABORTED',
    )
    check((await reader.read({ ...limits, signal: idle })).length === 1, 'A later call reads', '')
    await reader.close()
    await checkRefusal(
      reader.read({ ...limits, signal: idle }),
      'PastReader.read rejects with ERR_CLOSED after close',
      'ERR_CLOSED',
    )
  })
}

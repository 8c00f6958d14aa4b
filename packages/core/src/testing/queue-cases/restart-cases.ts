import { check, checkEqual } from '../check.ts'
import { makeDeadLetter } from '../make-record.ts'
import { firstTarget, idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** What is left after close and open, and after the death of the process. */
export const restartCases: readonly QueueCase[] = [
  { name: 'keeps records nobody has pulled over a reopening', run: keepsUnpulled },
  {
    name: 'hands out again what was not acked before a reopening, in order',
    run: redeliversUnacked,
  },
  { name: 'does not hand out again what was acked before a reopening', run: keepsAcks },
  { name: 'goes on after a reopening where it was', run: goesOn },
  { name: 'loses nothing answered with yes to the death of the process', run: survivesCrash },
  {
    name: 'hands out again what was leased when the process died, in order',
    run: redeliversAfterCrash,
  },
  {
    name: 'lets go of no record that a target is not done with, whatever its retention',
    run: outlivesRetention,
  },
  { name: 'keeps its dead letters over a reopening', run: keepsDeadLetters },
  { name: 'keeps the highest version over acks and a reopening', run: keepsHighestVersion },
  { name: 'shows which keys have versions above one', run: showsVersionsAbove },
]

async function outlivesRetention(fixture: QueueFixture): Promise<void> {
  const retention = { timeMs: fixture.shortDelayMs, bytes: 1_000 }
  if (!(await fixture.reopen(retention))) return
  const sent = await fixture.sendMany(10, { payload: new Uint8Array(1_000) })
  const consumer = await fixture.consumer()
  const pulled = await fixture.pull(consumer, 4)
  await consumer.ack(pulled.slice(0, 2))
  await fixture.passTime(fixture.shortDelayMs * 3)
  await fixture.reopen(retention)
  const acked = new Set(idsOf(pulled.slice(0, 2)))
  const left = idsOf(sent).filter((id) => !acked.has(id))
  const rest = await fixture.pull(await fixture.consumer(), left.length)
  const contract = 'QueueContext.retention: a record that a target is not done with is kept'
  checkEqual([...idsOf(rest)].sort(), [...left].sort(), contract)
}

async function keepsUnpulled(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(100)
  if (!(await fixture.reopen())) return
  const deliveries = await fixture.pull(await fixture.consumer(), 100)
  checkEqual(
    [...idsOf(deliveries)].sort(),
    [...idsOf(records)].sort(),
    'Every record answered with yes is there after a reopening',
  )
}

async function redeliversUnacked(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(fixture.ofOneKey(10), { key: 'same' })
  await fixture.pull(await fixture.consumer(), 7)
  if (!(await fixture.reopen())) return
  const deliveries = await fixture.pull(await fixture.consumer(), records.length)
  if (fixture.supports.order !== 'key') return
  checkEqual(
    idsOf(deliveries),
    idsOf(records),
    'After a reopening the records not acked are handed out again, in their order',
  )
}

async function keepsAcks(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(fixture.ofOneKey(20), { key: 'same' })
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, records.length)
  await consumer.ack(deliveries.filter((_, at) => at % 2 === 0 || at < 4))
  if (!(await fixture.reopen())) return
  const left = deliveries.filter((_, at) => at % 2 !== 0 && at >= 4)
  const again = await fixture.pullAll(await fixture.consumer(), left.length)
  checkEqual(
    [...idsOf(again)].sort(),
    [...idsOf(left)].sort(),
    'Acks handed to the queue before a clean close last: only the others come again',
  )
}

async function goesOn(fixture: QueueFixture): Promise<void> {
  const seen: string[] = []
  const sent: string[] = []
  for (let round = 0; round < 4; round++) {
    sent.push(...idsOf(await fixture.sendMany(3, { key: 'same' })))
    const consumer = await fixture.consumer()
    const deliveries = await fixture.pull(consumer, 3)
    await consumer.ack(deliveries)
    seen.push(...idsOf(deliveries))
    if (!(await fixture.reopen())) return
  }
  await fixture.pullsNothing(await fixture.consumer(), 'Acks before a clean close last')
  if (fixture.supports.order !== 'key') return
  checkEqual(seen, sent, 'Records sent after a reopening come behind those sent before')
}

async function survivesCrash(fixture: QueueFixture): Promise<void> {
  const acked = await fixture.sendMany(5)
  const consumer = await fixture.consumer()
  await consumer.ack(await fixture.pull(consumer, 5))
  const records = await fixture.sendMany(50)
  if (!(await fixture.crash())) return
  const deliveries = await fixture.pullAll(await fixture.consumer(), 50)
  const came = new Set(idsOf(deliveries))
  const lost = idsOf(records).filter((id) => !came.has(id))
  check(lost.length === 0, 'What was answered with yes survives the process', `lost ${lost.length}`)
  // An ack may be forgotten in a crash, so these may come again; nothing else may.
  for (const id of idsOf([...records, ...acked])) came.delete(id)
  check(came.size === 0, 'Nothing comes that was not sent', `${came.size} more records`)
}

async function redeliversAfterCrash(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(fixture.ofOneKey(10), { key: 'same' })
  await fixture.pull(await fixture.consumer(), records.length)
  if (!(await fixture.crash())) return
  const deliveries = await fixture.pull(await fixture.consumer(), records.length)
  if (fixture.supports.order !== 'key') return
  checkEqual(idsOf(deliveries), idsOf(records), 'Leases end with their process, and order is kept')
}

async function keepsDeadLetters(fixture: QueueFixture): Promise<void> {
  const letters = await fixture.queue.deadLetters()
  if (!letters || !fixture.supports.deadLetterListing) return
  const letter = makeDeadLetter({ target: firstTarget })
  await letters.put([letter])
  await letters.close()
  if (!(await fixture.reopen())) return
  const again = await fixture.queue.deadLetters()
  checkEqual(await again?.get(letter.id), letter, 'Dead letters are as durable as their queue')
  await again?.close()
}

async function keepsHighestVersion(fixture: QueueFixture): Promise<void> {
  const highestVersion = (): bigint | undefined => fixture.queue.highestVersion?.()
  const contract = 'Queue.highestVersion is the highest version stored, or undefined'
  checkEqual(highestVersion(), undefined, `${contract} while it holds nothing`)
  const offered = fixture.queue.highestVersion !== undefined
  const highest = 2n ** 62n + 3n
  for (const version of [5n, highest, 2n ** 53n + 1n])
    await fixture.send(fixture.record({ version }))
  const checkHighest = (): void => {
    // It may be unable to tell; it may not be wrong.
    if (offered && highestVersion() !== undefined) checkEqual(highestVersion(), highest, contract)
  }
  checkHighest()
  const consumer = await fixture.consumer()
  await consumer.ack(await fixture.pull(consumer, 3))
  checkHighest()
  if (await fixture.reopen()) checkHighest()
}

async function showsVersionsAbove(fixture: QueueFixture): Promise<void> {
  if (fixture.queue.versionsAbove === undefined) return
  const sent: string[] = []
  for (const [key, version] of [
    ['a', 20n],
    ['b', 5n],
    ['c', 30n],
    ['a', 25n],
    ['d', 10n],
  ] as const) {
    await fixture.send(fixture.record({ key, version }))
    if (version > 10n) sent.push(`${key} ${version}`)
  }
  await fixture.reopen()
  const shown: string[] = []
  const unshown = await fixture.queue.versionsAbove?.(10n, (key, version) => {
    shown.push(`${key} ${version}`)
  })
  const contract =
    'Queue.versionsAbove shows the key of each record above the version, or answers a higher one'
  checkEqual(
    shown.filter((each) => !sent.includes(each)),
    [],
    `${contract}, and shows no other`,
  )
  const missing = sent.filter((each) => !shown.includes(each))
  check(
    missing.every((each) => BigInt(each.slice(2)) <= (unshown ?? 0n)),
    contract,
    `${missing.join(', ')} not shown, and ${unshown} answered`,
  )
}

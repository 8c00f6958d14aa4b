import type { Consumer, Delivery } from '../../consumer/consumer.ts'
import type { StoredRecord } from '../../record.ts'
import { brief, check, checkEqual, checkWalError } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/**
 * Records that are not due yet. A queue whose longest delay is shorter than what a case needs is
 * held to the one thing that is left: it refuses the record, or it is not early.
 */
export const delayCases: readonly QueueCase[] = [
  { name: 'does not hand out a delayed record before it is due', run: notEarly },
  { name: 'wakes a waiting pull when a delayed record becomes due', run: wakesWhenDue },
  { name: 'holds up nothing for a delayed record', run: holdsUpNothing },
  {
    name: 'hands out a record that became due after those of its key sent before',
    run: joinsWhenDue,
  },
  {
    name: 'hands out delayed records of a key in the order in which they are due',
    run: keepsDueOrder,
  },
  { name: 'hands out a record due in the past at once', run: pastIsAtOnce },
  { name: 'is not early with delays too long for a timer', run: notEarlyWithLongDelays },
  {
    name: 'refuses a delay longer than it declares, or is not early with it',
    run: beyondLongestDelay,
  },
  { name: 'keeps a delayed record delayed over a reopening', run: staysDelayedOverReopen },
]

const neverEarly = 'A consumer never hands out a record before its dueAt'
const dayMs = 86_400_000

async function notEarly(fixture: QueueFixture): Promise<void> {
  await sendTaken(fixture, [3_600_000])
  const records = await sendDelayed(fixture, [1, 1.5, 2])
  const consumer = await fixture.consumer()
  const seen: Delivery[] = []
  // Time goes by in small steps, so that a record handed out early by one of them shows.
  for (let step = 0; step < 8 && seen.length < records.length; step++) {
    seen.push(...(await pullDue(fixture, consumer, 0)))
    await fixture.passTime(fixture.shortDelayMs / 4)
  }
  seen.push(...(await pullDue(fixture, consumer, records.length - seen.length)))
  checkEqual([...idsOf(seen)].sort(), [...idsOf(records)].sort(), 'A delayed record comes once due')
  await fixture.pullsNothing(consumer, neverEarly)
}

async function wakesWhenDue(fixture: QueueFixture): Promise<void> {
  if (fixture.supports.longestDelayMs < 2 * fixture.shortDelayMs) {
    await sendDelayed(fixture, [2, 1])
    return
  }
  const consumer = await fixture.consumer()
  const waiting = fixture.pull(consumer, 2)
  await fixture.quietTime()
  // The later one first: the wait must be cut short for the sooner one, then go on.
  const records = await sendDelayed(fixture, [2, 1])
  ensureAhead(fixture, records)
  await fixture.passTime(fixture.shortDelayMs)
  await fixture.passTime(fixture.shortDelayMs)
  const deliveries = await waiting
  checkEqual(
    [...idsOf(deliveries)].sort(),
    [...idsOf(records)].sort(),
    'A pull that waits is woken when a record becomes due',
  )
}

async function holdsUpNothing(fixture: QueueFixture): Promise<void> {
  await sendTaken(fixture, [3_600_000], 'same')
  const prompt = await fixture.sendMany(3, { key: 'same' })
  const deliveries = await fixture.pull(await fixture.consumer(), 3)
  const contract = 'Until it is due a delayed record holds up nothing, not even its key'
  checkEqual([...idsOf(deliveries)].sort(), [...idsOf(prompt)].sort(), contract)
}

async function joinsWhenDue(fixture: QueueFixture): Promise<void> {
  const delayed = await sendDelayed(fixture, [1], 'same')
  const before = await fixture.sendMany(2, { key: 'same' })
  ensureAhead(fixture, delayed)
  await fixture.passTime(fixture.shortDelayMs + 5)
  const after = await fixture.sendMany(2, { key: 'same' })
  const count = before.length + delayed.length + after.length
  const deliveries = await fixture.take(await fixture.consumer(), count)
  checkNotEarly(fixture, deliveries)
  if (fixture.supports.order !== 'key') return
  const contract = 'Once due a record joins the records of its key as if written then'
  const isAfter = (id: string): boolean => after.some((record) => record.id === id)
  const others = idsOf(deliveries).filter((id) => !isAfter(id))
  checkEqual(others, idsOf([...before, ...delayed]), contract)
  checkPositionsGrow(deliveries, contract)
}

async function keepsDueOrder(fixture: QueueFixture): Promise<void> {
  const records = await sendDelayed(fixture, [1.6, 1, 1.3, 1, 1.6], 'same')
  ensureAhead(fixture, records)
  const consumer = await fixture.consumer()
  await fixture.passTime(fixture.shortDelayMs * 1.6)
  const deliveries = await fixture.take(consumer, records.length)
  checkNotEarly(fixture, deliveries)
  if (fixture.supports.order !== 'key') return
  checkEqual(
    deliveries.map(({ record }) => record.dueAt),
    records.map(({ dueAt }) => dueAt).sort((a, b) => (a ?? 0) - (b ?? 0)),
    'Delayed records of one key come in the order in which they became due',
  )
  checkPositionsGrow(
    deliveries,
    'Delivery.position grows along the records of a key, as handed out',
  )
}

async function pastIsAtOnce(fixture: QueueFixture): Promise<void> {
  const dueAt = fixture.clock.now() - dayMs
  const records = await fixture.send(
    fixture.record({ key: 'same' }),
    fixture.record({ key: 'same', dueAt }),
    fixture.record({ key: 'same', dueAt: 1 }),
    fixture.record({ key: 'same' }),
  )
  const deliveries = await fixture.pull(await fixture.consumer(), 4)
  if (fixture.supports.order !== 'key') return
  checkEqual(
    idsOf(deliveries),
    idsOf(records),
    'A record due in the past is in its place like any other',
  )
}

async function notEarlyWithLongDelays(fixture: QueueFixture): Promise<void> {
  // Node's own timers fire at once past 2^31 - 1 ms, which is 24.8 days.
  await sendTaken(fixture, [2 ** 31 + 1_000, 400 * dayMs])
  const consumer = await fixture.consumer()
  await fixture.pullsNothing(consumer, neverEarly)
  await fixture.sendMany(1)
  await fixture.pull(consumer, 1)
  await fixture.pullsNothing(consumer, neverEarly)
}

async function beyondLongestDelay(fixture: QueueFixture): Promise<void> {
  const { longestDelayMs } = fixture.supports
  const beyondMs = Math.min(longestDelayMs, 100 * 365 * dayMs) + dayMs
  const taken = await sendTaken(fixture, [beyondMs])
  const consumer = await fixture.consumer()
  await fixture.pullsNothing(
    consumer,
    taken.length > 0 ? neverEarly : 'A refused record is never handed out',
  )
}

async function staysDelayedOverReopen(fixture: QueueFixture): Promise<void> {
  // Of this one no stall of the machine makes it right to hand it out.
  await sendTaken(fixture, [3_600_000])
  const records = await sendDelayed(fixture, [4])
  if (!(await fixture.reopen())) return
  const consumer = await fixture.consumer()
  const early = await pullDue(fixture, consumer, 0)
  await fixture.passTime(fixture.shortDelayMs * 4)
  const deliveries = [
    ...early,
    ...(await pullDue(fixture, consumer, records.length - early.length)),
  ]
  checkEqual(
    idsOf(deliveries),
    idsOf(records),
    'A delayed record survives a reopening, and its delay too',
  )
}

/** Sends records due after so many short delays, and answers those that were taken. */
function sendDelayed(
  fixture: QueueFixture,
  delays: readonly number[],
  key?: string,
): Promise<readonly StoredRecord[]> {
  return sendTaken(
    fixture,
    delays.map((delay) => Math.ceil(delay * fixture.shortDelayMs)),
    key,
  )
}

/** Sends records due after so many ms, and answers those that were taken. A refusal must say why. */
async function sendTaken(
  fixture: QueueFixture,
  delaysMs: readonly number[],
  key?: string,
): Promise<readonly StoredRecord[]> {
  const { clock, supports } = fixture
  const now = Math.ceil(clock.now())
  const records = delaysMs.map((delayMs) =>
    fixture.record({ ...(key === undefined ? {} : { key }), dueAt: now + delayMs }),
  )
  const outcomes = await (await fixture.producer()).send(records)
  return records.filter((_, at) => {
    const outcome = outcomes[at]
    const isLonger = (delaysMs[at] ?? 0) > supports.longestDelayMs
    const contract =
      "A delay up to longestDelayMs is kept; a longer one is kept too, or answered 'no'"
    if (outcome?.durable === 'yes') return true
    check(isLonger && outcome?.durable === 'no', contract, brief(outcome))
    checkWalError(outcome.error, contract, 'ERR_INVALID_DELAY')
    return false
  })
}

/** What is due, waiting patiently for so many, and none of it early. */
async function pullDue(
  fixture: QueueFixture,
  consumer: Consumer,
  atLeast: number,
): Promise<readonly Delivery[]> {
  const deliveries =
    atLeast > 0 ? await fixture.pull(consumer, atLeast) : await fixture.pullBriefly(consumer)
  checkNotEarly(fixture, deliveries)
  return deliveries
}

function checkNotEarly({ clock }: QueueFixture, deliveries: readonly Delivery[]): void {
  const now = clock.now()
  for (const { record } of deliveries) {
    const { dueAt = 0 } = record
    check(dueAt <= now, neverEarly, `handed out ${dueAt - now} ms before it was due`)
  }
}

/** What became due before all was sent came like any other record, and tells nothing. */
function ensureAhead(fixture: QueueFixture, records: readonly StoredRecord[]): void {
  for (const { dueAt = Number.POSITIVE_INFINITY } of records) fixture.ensureBefore(dueAt)
}

function checkPositionsGrow(deliveries: readonly Delivery[], contract: string): void {
  for (const [at, delivery] of deliveries.entries()) {
    const before = deliveries[at - 1]
    const grows = before === undefined || delivery.position > before.position
    check(grows, contract, `position ${delivery.position} after ${before?.position}`)
  }
}

import type { Consumer, Delivery, PullOptions } from '../../consumer/consumer.ts'
import { brief, check, checkEqual, checkWalError, within } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** The way out: waiting, limits, leases. */
export const pullCases: readonly QueueCase[] = [
  { name: 'waits in pull until a record arrives', run: waitsForRecord },
  { name: 'ends a waiting pull with nothing when its signal aborts', run: endsOnAbort },
  { name: 'does not wait in pull when the signal has aborted already', run: doesNotWaitAborted },
  {
    name: 'gives a record that came after an aborted pull to the next pull',
    run: losesNothingToAbort,
  },
  { name: 'hands out at most maxRecords', run: honoursMaxRecords },
  { name: 'hands out at most maxBytes', run: honoursMaxBytes },
  { name: 'hands out one record even if it alone is over maxBytes', run: handsOutOneOverLimit },
  { name: 'does not hand out a leased record again', run: leasesOnce },
  { name: 'hands out the records of a key in their order', run: keepsKeyOrder },
  { name: 'ends a waiting pull with nothing when the consumer closes', run: endsOnClose },
  { name: 'does not hang in pull after close', run: doesNotHangAfterClose },
  { name: 'hands returned leases to the next consumer, in order', run: returnsLeasesAtClose },
]

const abortEndsWait = 'PullOptions.signal ends the wait; pull then resolves with what it has'

async function waitsForRecord(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const pull = startPull(consumer)
  let early = true
  const settled = pull.deliveries.then(() => early)
  await fixture.quietTime()
  early = false
  await fixture.sendMany(1)
  const contract = 'Consumer.pull waits until there is something to hand out, and no longer'
  const wasEarly = await within(fixture.patienceMs, settled, contract)
  check(!wasEarly, contract, 'it resolved while the queue was empty')
  checkEqual((await pull.deliveries).length, 1, contract)
}

async function endsOnAbort(fixture: QueueFixture): Promise<void> {
  const pull = startPull(await fixture.consumer())
  await fixture.quietTime()
  pull.abort()
  checkEqual(await within(fixture.patienceMs, pull.deliveries, abortEndsWait), [], abortEndsWait)
}

async function doesNotWaitAborted(fixture: QueueFixture): Promise<void> {
  const pull = startPull(await fixture.consumer(), {}, AbortSignal.abort())
  checkEqual(await within(fixture.patienceMs, pull.deliveries, abortEndsWait), [], abortEndsWait)
}

async function losesNothingToAbort(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  for (let round = 0; round < 5; round++) {
    const aborted = startPull(consumer)
    await fixture.quietTime(round)
    aborted.abort()
    const records = await fixture.sendMany(2)
    const early = await within(fixture.patienceMs, aborted.deliveries, abortEndsWait)
    const late = await fixture.pull(consumer, 2 - early.length)
    checkEqual(
      [...idsOf([...early, ...late])].sort(),
      [...idsOf(records)].sort(),
      'A pull that is aborted takes no record with it: it resolves with it, or leaves it',
    )
  }
}

async function honoursMaxRecords(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(10)
  const consumer = await fixture.consumer()
  const seen: Delivery[] = []
  while (seen.length < 10) {
    const pulled = startPull(consumer, { maxRecords: 3 }).deliveries
    const deliveries = await within(
      fixture.patienceMs,
      pulled,
      'Consumer.pull hands out what is there',
    )
    check(
      deliveries.length <= 3,
      'Consumer.pull hands out at most maxRecords deliveries',
      `${deliveries.length} for maxRecords 3`,
    )
    seen.push(...deliveries)
  }
  checkEqual(new Set(idsOf(seen)).size, 10, 'Consumer.pull hands out each record once')
}

async function honoursMaxBytes(fixture: QueueFixture): Promise<void> {
  await fixture.send(
    ...Array.from({ length: 8 }, () => fixture.record({ payload: new Uint8Array(1_000) })),
  )
  const consumer = await fixture.consumer()
  for (let seen = 0; seen < 8; ) {
    const pulled = startPull(consumer, { maxBytes: 3_500 }).deliveries
    const deliveries = await within(
      fixture.patienceMs,
      pulled,
      'Consumer.pull hands out what is there',
    )
    const bytes = deliveries.reduce((sum, delivery) => sum + delivery.bytes, 0)
    check(
      deliveries.length === 1 || bytes <= 3_500,
      'Consumer.pull hands out at most maxBytes, or one delivery',
      `${deliveries.length} deliveries of ${bytes} bytes for maxBytes 3,500`,
    )
    seen += deliveries.length
  }
}

async function handsOutOneOverLimit(fixture: QueueFixture): Promise<void> {
  const records = [5_000, 10, 5_000].map((bytes) =>
    fixture.record({ key: 'same', payload: new Uint8Array(bytes) }),
  )
  await fixture.send(...records)
  const consumer = await fixture.consumer()
  const contract = 'One delivery is given even if it alone is larger than maxBytes'
  const seen: Delivery[] = []
  while (seen.length < 3) {
    const pulled = startPull(consumer, { maxBytes: 1 }).deliveries
    const deliveries = await within(fixture.patienceMs, pulled, contract)
    checkEqual(deliveries.length, 1, contract)
    seen.push(...deliveries)
  }
  if (fixture.supports.order === 'key') {
    checkEqual(
      idsOf(seen),
      idsOf(records),
      'A large record is not passed by a later one of its key',
    )
  }
}

async function leasesOnce(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(3)
  const consumer = await fixture.consumer()
  await fixture.pull(consumer, 3)
  await fixture.pullsNothing(
    consumer,
    'A leased record is given to nobody until it is acked or released',
  )
}

async function keepsKeyOrder(fixture: QueueFixture): Promise<void> {
  const keys = ['a', 'b', 'c']
  const records = Array.from({ length: 60 }, (_, at) => fixture.record({ key: keys[(at * 7) % 3] }))
  await fixture.send(...records)
  const deliveries = await fixture.take(await fixture.consumer(), 60)
  if (fixture.supports.order !== 'key') return
  for (const key of keys) {
    checkEqual(
      idsOf(deliveries.filter(({ record }) => record.key === key)),
      idsOf(records.filter((record) => record.key === key)),
      "With order 'key' the deliveries of one key come in their order in the queue",
    )
  }
}

async function endsOnClose(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const { deliveries } = startPull(consumer)
  await fixture.quietTime()
  const contract = 'At Consumer.close pending pulls resolve with nothing'
  await within(fixture.patienceMs, consumer.close(), 'Consumer.close resolves')
  checkEqual(await within(fixture.patienceMs, deliveries, contract), [], contract)
}

async function doesNotHangAfterClose(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  await consumer.close()
  const contract = 'After Consumer.close a pull brings nothing: it resolves so, or rejects'
  const pulled = startPull(consumer).deliveries.then(
    (deliveries) => checkEqual(deliveries, [], contract),
    (error: unknown) => checkWalError(error, contract, 'ERR_CLOSED'),
  )
  await within(fixture.patienceMs, pulled, contract)
}

async function returnsLeasesAtClose(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(5, { key: 'same' })
  await fixture.pull(await fixture.consumer(), 3)
  await fixture.closeConsumer()
  const deliveries = await fixture.pull(await fixture.consumer(), 5)
  const contract = 'Consumer.close returns the leases: the next consumer is given the records'
  if (fixture.supports.order === 'key') checkEqual(idsOf(deliveries), idsOf(records), contract)
  else check(new Set(idsOf(deliveries)).size === 5, contract, brief(idsOf(deliveries)))
}

/** A pull by itself, without patience: the case says when it is to end. */
function startPull(consumer: Consumer, limits: Partial<PullOptions> = {}, signal?: AbortSignal) {
  const controller = new AbortController()
  const deliveries = consumer.pull({
    maxRecords: 100,
    maxBytes: 2 ** 30,
    signal: signal ?? controller.signal,
    ...limits,
  })
  return { deliveries, abort: () => controller.abort() }
}

import type { Watermark } from '../../consumer/consumer.ts'
import { checkEqual } from '../check.ts'
import type { QueueCase, QueueFixture } from './queue-fixture.ts'

/** How much is before a consumer, and where the end of the queue was. */
export const backlogCases: readonly QueueCase[] = [
  { name: 'counts what is not acked, leased or not', run: countsPending },
  { name: 'counts delayed records apart', run: countsDelayed },
  { name: 'tells when the oldest pending record was written', run: tellsOldest },
  {
    name: 'covers by a watermark what was there, and not what came later',
    run: coversWhatWasThere,
  },
  { name: 'counts down what a watermark covers as it is acked', run: countsDownRemaining },
  { name: 'covers delayed records by a watermark only where asked', run: coversDelayedWhereAsked },
]

const pendingCounts = 'Backlog.pending counts records not yet acked, leased or not'
const remainingCounts = 'Watermark.remaining counts the records it covers that are not acked yet'

async function countsPending(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  await fixture.checkPending(consumer, 0, pendingCounts)
  await fixture.sendMany(5)
  await fixture.checkPending(consumer, 5, pendingCounts)
  const deliveries = await fixture.pull(consumer, 3)
  await fixture.checkPending(consumer, 5, pendingCounts)
  await consumer.ack(deliveries.slice(1))
  await fixture.checkPending(consumer, 3, pendingCounts)
  await fixture.release(consumer, deliveries.slice(0, 1))
  await fixture.checkPending(consumer, 3, pendingCounts)
  await consumer.ack(await fixture.pull(consumer, 3))
  await fixture.checkPending(consumer, 0, pendingCounts)
}

async function countsDelayed(fixture: QueueFixture): Promise<void> {
  if (fixture.supports.longestDelayMs < 3_600_000) return countsPending(fixture)
  const consumer = await fixture.consumer()
  const dueAt = fixture.clock.now() + 3_600_000
  await fixture.send(fixture.record(), fixture.record({ dueAt }), fixture.record({ dueAt }))
  const { pending, delayed, approximate } = await consumer.backlog()
  if (approximate) return
  checkEqual(
    { pending, delayed },
    { pending: 1, delayed: 2 },
    'Backlog counts delayed records apart',
  )
}

async function tellsOldest(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const contract =
    'Backlog.oldestWrittenAt is that of the oldest pending record, if the queue can tell'
  checkEqual((await consumer.backlog()).oldestWrittenAt, undefined, contract)
  const now = Math.floor(fixture.clock.now())
  for (const agoMs of [3_000, 2_000, 1_000]) {
    await fixture.send(fixture.record({ key: 'same', writtenAt: now - agoMs }))
  }
  const deliveries = await fixture.pull(consumer, 3)
  for (const [at, agoMs] of [3_000, 2_000, 1_000].entries()) {
    const { oldestWrittenAt } = await consumer.backlog()
    if (oldestWrittenAt !== undefined) checkEqual(oldestWrittenAt, now - agoMs, contract)
    await consumer.ack(deliveries.slice(at, at + 1))
  }
  checkEqual((await consumer.backlog()).oldestWrittenAt, undefined, contract)
}

async function coversWhatWasThere(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const before = await fixture.sendMany(3, { key: 'same' })
  const [leased] = await fixture.pull(consumer, 1)
  const mark = await consumer.watermark({ includeDelayed: false })
  await fixture.sendMany(3, { key: 'same' })
  await fixture.release(consumer, leased ? [leased] : [])
  for (const delivery of await fixture.take(consumer, 6)) {
    checkEqual(
      mark.covers(delivery),
      before.some(({ id }) => id === delivery.record.id),
      'Watermark.covers is true for what was in the queue at its instant, leased or not, and for nothing else',
    )
  }
}

async function countsDownRemaining(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const empty = await consumer.watermark({ includeDelayed: true })
  const before = await fixture.sendMany(4)
  const mark = await consumer.watermark({ includeDelayed: true })
  await fixture.sendMany(3)
  await checkRemaining(empty, 0)
  await checkRemaining(mark, 4)
  const deliveries = await fixture.pull(consumer, 7)
  await checkRemaining(mark, 4)
  let left = 4
  for (const delivery of deliveries) {
    await consumer.ack([delivery])
    if (before.some(({ id }) => id === delivery.record.id)) left--
    await checkRemaining(mark, left)
  }
}

async function coversDelayedWhereAsked(fixture: QueueFixture): Promise<void> {
  const delayMs = fixture.shortDelayMs * 2
  if (fixture.supports.longestDelayMs < delayMs) return countsDownRemaining(fixture)
  const consumer = await fixture.consumer()
  const dueAt = Math.ceil(fixture.clock.now()) + delayMs
  await fixture.send(fixture.record({ dueAt }))
  const withDelayed = await consumer.watermark({ includeDelayed: true })
  const without = await consumer.watermark({ includeDelayed: false })
  fixture.ensureBefore(dueAt)
  await checkRemaining(withDelayed, 1)
  await checkRemaining(without, 0)
  await fixture.passTime(delayMs)
  const deliveries = await fixture.pull(consumer, 1)
  const covered = deliveries.map((delivery) => [
    withDelayed.covers(delivery),
    without.covers(delivery),
  ])
  checkEqual(
    covered,
    [[true, false]],
    'A watermark covers records delayed at its instant only where asked',
  )
  await consumer.ack(deliveries)
  await reachesZero(fixture, withDelayed)
}

/** A delayed record may count where it waited, too, until its coming from there is noted. */
async function reachesZero(fixture: QueueFixture, mark: Watermark): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    if (((await mark.remaining()) ?? 0) === 0) return
    await fixture.passTime(20)
  }
  await checkRemaining(mark, 0)
}

async function checkRemaining(mark: Watermark, expected: number): Promise<void> {
  const remaining = await mark.remaining()
  // A queue may be unable to tell; it may not be wrong.
  if (remaining !== undefined) checkEqual(remaining, expected, remainingCounts)
}

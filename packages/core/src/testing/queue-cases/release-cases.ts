import type { Delivery } from '../../consumer/consumer.ts'
import { check, checkEqual, fail, Stalled } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** Leases given back. */
export const releaseCases: readonly QueueCase[] = [
  { name: 'hands out a released record again, with the attempts given', run: comesAgain },
  { name: 'hands out a released record before later ones of its key', run: comesBeforeLater },
  { name: 'keeps the order of several released records of a key', run: keepsOrderOfReleased },
  {
    name: 'does not hand out a record released with a delay before the delay is over',
    run: notBeforeDelay,
  },
  {
    name: 'holds back the key of a record released with a delay if it declares so, and no other',
    run: holdsBackKey,
  },
  { name: 'wakes a waiting pull when a record is released', run: wakesPull },
  { name: 'takes the release of a record already acked without harm', run: releasesAcked },
]

const attempts = {
  spent: 2,
  interrupted: 1,
  notBefore: 0,
  history: [
    {
      at: 5,
      durationMs: 7,
      target: 'first',
      class: 'transient',
      code: 'BUSY',
      message: 'Try later.',
    },
  ],
} as const

async function comesAgain(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(2)
  const consumer = await fixture.consumer()
  await fixture.release(consumer, await fixture.pull(consumer, 2), { attempts })
  const again = await fixture.pull(consumer, 2)
  const contract = 'A released record is handed out again with the attempts given at release'
  checkEqual([...idsOf(again)].sort(), [...idsOf(records)].sort(), contract)
  for (const delivery of again) fixture.checkAttempts(delivery, attempts, contract)
}

async function comesBeforeLater(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(4, { key: 'same' })
  const consumer = await fixture.consumer()
  const [first] = await fixture.pull(consumer, 1)
  await fixture.release(consumer, first ? [first] : [])
  const deliveries = await fixture.pull(consumer, 4)
  if (fixture.supports.order !== 'key') return
  checkEqual(
    idsOf(deliveries),
    idsOf(records),
    'A released delivery comes again before any later one of its key not handed out yet',
  )
}

async function keepsOrderOfReleased(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(5, { key: 'same' })
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 5)
  // From the last to the first, which is how core lets go of a key.
  for (const delivery of [...deliveries].reverse()) await fixture.release(consumer, [delivery])
  const again = await fixture.pull(consumer, 5)
  if (fixture.supports.order !== 'key') return
  checkEqual(
    idsOf(again),
    idsOf(records),
    'Released deliveries of one key come again in their order',
  )
}

async function notBeforeDelay(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 1)
  const releasedAt = fixture.clock.monotonic()
  await fixture.release(consumer, deliveries, { delayMs: fixture.shortDelayMs })
  const pulled = fixture.pull(consumer, 1).then(() => fixture.clock.monotonic())
  await fixture.passTime(fixture.shortDelayMs)
  const waitedMs = (await pulled) - releasedAt
  // Timers count whole milliseconds.
  check(
    waitedMs >= fixture.shortDelayMs - 1,
    'A released record is handed out again only after its delayMs',
    `handed out after ${waitedMs} of ${fixture.shortDelayMs} ms`,
  )
}

async function holdsBackKey(fixture: QueueFixture): Promise<void> {
  const held = await fixture.sendMany(3, { key: 'held' })
  const consumer = await fixture.consumer()
  const [first] = await fixture.pull(consumer, 1)
  const releasedAt = fixture.clock.monotonic()
  await fixture.release(consumer, first ? [first] : [], { delayMs: fixture.shortDelayMs })
  await fixture.sendMany(1, { key: 'free' })
  const seen: Delivery[] = [...(await fixture.pull(consumer, 1))]
  const waitedMs = fixture.clock.monotonic() - releasedAt
  await fixture.passTime(fixture.shortDelayMs)
  seen.push(...(await fixture.pull(consumer, 3)))
  if (!fixture.supports.releaseHoldsKey) {
    checkEqual([...idsOf(seen)].sort().length, 4, 'A release with a delay loses nothing')
    return
  }
  const contract =
    'A record released with a delay holds back the later ones of its key, and no other'
  checkEqual(idsOf(seen.filter(({ record }) => record.key === 'held')), idsOf(held), contract)
  if (seen[0]?.record.key === 'free') return
  const hadToWait = 'the record of another key had to wait'
  if (waitedMs >= fixture.shortDelayMs - 1) throw new Stalled(contract, hadToWait)
  fail(contract, hadToWait)
}

async function wakesPull(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 1)
  const waiting = fixture.pull(consumer, 1)
  await fixture.quietTime()
  await fixture.release(consumer, deliveries)
  checkEqual(idsOf(await waiting), idsOf(deliveries), 'A release wakes a pull that waits')
}

async function releasesAcked(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 1)
  await consumer.ack(deliveries)
  await fixture.release(consumer, deliveries)
  await fixture.pullsNothing(consumer, 'An acked record is gone, also if it is released afterwards')
}

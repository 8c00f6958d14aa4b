import type { Consumer, Delivery } from '../../consumer/consumer.ts'
import { brief, check, checkEqual, checkWalError, fail, within } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** Done with, and only then gone. */
export const ackCases: readonly QueueCase[] = [
  { name: 'does not hand out an acked record again', run: acksForGood },
  { name: 'takes a second ack of a record without harm', run: acksTwice },
  { name: 'takes an ack of nothing without harm', run: acksNothing },
  { name: 'acks no more than it was told to', run: acksOnlyThese },
  { name: 'takes acks in any order', run: acksInAnyOrder },
  { name: 'recognises a delivery by a copy without its payload', run: recognisesCopies },
  { name: 'settles an ack, a release and a save after close', run: settlesAfterClose },
]

const ackedIsGone = 'A record acked before a clean close is not handed out again'
const unackedStays = 'A record leaves the queue only by its ack'

async function acksForGood(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(4)
  const consumer = await fixture.consumer()
  await consumer.ack(await fixture.pull(consumer, 4))
  await fixture.pullsNothing(consumer, 'An acked record is not handed out again')
  await fixture.closeConsumer()
  await fixture.pullsNothing(await fixture.consumer(), ackedIsGone)
}

async function acksTwice(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(2, { key: 'same' })
  const consumer = await fixture.consumer()
  const [first] = await fixture.pull(consumer, 1)
  for (let round = 0; round < 3; round++) {
    await consumer.ack(first ? [first, first] : []).catch((error: unknown) => {
      fail('Acking twice is harmless', brief(error))
    })
  }
  await fixture.checkPending(consumer, 1, 'Acking twice counts once in Backlog.pending')
  const left = idsOf(records).filter((id) => id !== first?.record.id)
  const next = await fixture.pull(consumer, 1)
  checkEqual(idsOf(next), left, 'Acking a record twice does not ack the next one')
}

async function acksNothing(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  await consumer.ack([])
  await fixture.pull(consumer, 1)
  await consumer.ack([])
  await fixture.closeConsumer()
  await fixture.pull(await fixture.consumer(), 1)
}

async function acksOnlyThese(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(5, { key: 'same' })
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 5)
  await consumer.ack(deliveries.slice(0, 1))
  await consumer.ack(deliveries.slice(3, 4))
  await checkLeft(
    fixture,
    [1, 2, 4].map((at) => deliveries[at] as Delivery),
  )
}

async function acksInAnyOrder(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(60)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 60)
  // 17 and 60 have no common factor: every third record is left out, the others come in disorder.
  const shuffled = deliveries.map((_, at) => deliveries[(at * 17) % 60] as Delivery)
  const left = shuffled.filter((_, at) => at % 3 === 0)
  const acked = shuffled.filter((_, at) => at % 3 !== 0)
  await Promise.all(acked.map((delivery) => consumer.ack([delivery])))
  await checkLeft(fixture, left)
}

async function recognisesCopies(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(3)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 3)
  const copies = deliveries.map((delivery) => ({
    ...delivery,
    record: { ...delivery.record, payload: undefined },
  }))
  await consumer.ack(copies.slice(0, 1))
  await fixture.release(consumer, copies.slice(1, 2))
  await fixture.pull(consumer, 1)
  await checkLeft(fixture, deliveries.slice(1))
}

async function settlesAfterClose(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(3)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 3)
  await fixture.closeConsumer()
  await fixture.pull(await fixture.consumer(), 3)
  const [first, second, third] = deliveries.map((delivery) => [delivery])
  const attempts = { spent: 7, interrupted: 0, notBefore: 0, history: [] }
  await checkSettles(fixture, consumer.ack(first ?? []))
  await checkSettles(fixture, fixture.release(consumer, second ?? [], { attempts }))
  await checkSettles(
    fixture,
    consumer.saveAttempts((third ?? []).map((delivery) => ({ delivery, attempts }))),
  )
  await fixture.pullsNothing(
    await fixture.consumer(),
    'A consumer that is closed changes nothing for the next one, which holds the leases',
  )
}

function checkSettles(fixture: QueueFixture, call: Promise<void>): Promise<void> {
  const contract = 'After Consumer.close its methods resolve, or reject with ERR_CLOSED'
  const settled = call.catch((error: unknown) => checkWalError(error, contract, 'ERR_CLOSED'))
  return within(fixture.patienceMs, settled, contract)
}

async function checkLeft(fixture: QueueFixture, left: readonly Delivery[]): Promise<void> {
  await fixture.closeConsumer()
  const consumer: Consumer = await fixture.consumer()
  const again = await fixture.pullAll(consumer, left.length)
  const [came, expected] = [new Set(idsOf(again)), new Set(idsOf(left))]
  const gone = [...expected].filter((id) => !came.has(id))
  const risen = [...came].filter((id) => !expected.has(id))
  check(
    gone.length === 0,
    unackedStays,
    `${gone.length} records not acked did not come again: ${gone[0]}`,
  )
  check(risen.length === 0, ackedIsGone, `${risen.length} acked records came again: ${risen[0]}`)
}

import type { Consumer, Delivery } from '../../consumer/consumer.ts'
import type { StoredRecord } from '../../record.ts'
import { checkEqual } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/** Records that wait behind a dead letter of their key. A queue that does not offer `park` passes these. */
export const parkCases: readonly QueueCase[] = [
  {
    name: 'hands out a parked record once it is released, before later ones of its key',
    run: released,
  },
  { name: 'counts a parked record as pending, and only once', run: counted },
  {
    name: 'keeps what is parked over the death of the process, before later ones of its key',
    run: kept,
  },
  { name: 'does not hand out again what was parked and acked', run: acked },
].map((one) => ({ ...one, blocksKeys: true }))

const contract = 'Consumer.park keeps records leased, in order and lasting until they are acked'

/** Six of one key, four of them leased; the first is acked, the others are parked, and one of these twice. */
async function parked(
  fixture: QueueFixture,
): Promise<
  { consumer: Consumer; records: readonly StoredRecord[]; leased: readonly Delivery[] } | undefined
> {
  const records = await fixture.sendMany(6, { key: 'same' })
  const consumer = await fixture.consumer()
  if (consumer.park === undefined) return undefined
  const leased = await fixture.pull(consumer, 4)
  await consumer.ack(leased.slice(0, 1))
  await consumer.park(leased.slice(1, 3))
  await consumer.park(leased.slice(2))
  return { consumer, records, leased }
}

async function released(fixture: QueueFixture): Promise<void> {
  const found = await parked(fixture)
  if (found === undefined) return
  const { consumer, records, leased } = found
  await fixture.release(consumer, leased.slice(1).toReversed())
  checkEqual(idsOf(await fixture.pull(consumer, 5)), idsOf(records.slice(1)), contract)
  await fixture.pullsNothing(consumer, contract)
}

async function counted(fixture: QueueFixture): Promise<void> {
  const found = await parked(fixture)
  if (found === undefined) return
  const { consumer, leased } = found
  await fixture.checkPending(consumer, 5, 'A parked record is pending')
  await consumer.ack(leased.slice(1))
  await fixture.checkPending(consumer, 2, 'A record that was parked and acked is pending no more')
}

async function kept(fixture: QueueFixture): Promise<void> {
  const found = await parked(fixture)
  if (found === undefined) return
  if (!(await fixture.crash())) return
  const consumer = await fixture.consumer()
  checkEqual(idsOf(await fixture.pull(consumer, 5)), idsOf(found.records.slice(1)), contract)
}

async function acked(fixture: QueueFixture): Promise<void> {
  const found = await parked(fixture)
  if (found === undefined) return
  await found.consumer.ack(found.leased.slice(1, 3))
  if (!(await fixture.reopen())) return
  const consumer = await fixture.consumer()
  checkEqual(idsOf(await fixture.pull(consumer, 3)), idsOf(found.records.slice(3)), contract)
  await fixture.pullsNothing(consumer, contract)
}

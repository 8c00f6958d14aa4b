import type { Consumer, Delivery } from '../../consumer/consumer.ts'
import type { StoredRecord } from '../../record.ts'
import { checkEqual } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture, secondTarget } from './queue-fixture.ts'

/** Records handed out before their turn. A queue that does not offer `pullAhead` passes these. */
export const aheadCases: readonly QueueCase[] = [
  { name: 'hands out a wanted record before its turn, and passes over it then', run: takesAhead },
  { name: 'finds a wanted record behind many others, each time anew', run: findsAgain },
  { name: 'hands out nothing ahead that is leased, acked or delayed', run: leavesOthers },
  { name: 'hands out a record taken ahead again once it is released', run: releasesAhead },
  { name: 'acks a record taken ahead and none of those before it', run: acksAhead },
  { name: 'takes a record ahead from one target alone', run: leavesOtherTargets },
]

const contract = 'Consumer.pullAhead hands out what is wanted before its turn, once'

async function ahead(
  consumer: Consumer,
  wanted: readonly StoredRecord[],
): Promise<readonly Delivery[]> {
  const ids = new Set(idsOf(wanted))
  const { signal } = new AbortController()
  return (await consumer.pullAhead?.({ wanted: ({ id }) => ids.has(id), signal })) ?? []
}

/** These and no others, in any order: they are of several keys. */
function checkSame(
  deliveries: readonly Delivery[],
  records: readonly StoredRecord[],
  contract: string,
): void {
  checkEqual([...idsOf(deliveries)].sort(), [...idsOf(records)].sort(), contract)
}

async function takesAhead(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(5, { key: 'same' })
  const consumer = await fixture.consumer()
  if (consumer.pullAhead === undefined) return
  const [first] = await fixture.pull(consumer, 1)
  const wanted = records.slice(3, 4)
  checkEqual(idsOf(await ahead(consumer, wanted)), idsOf(wanted), contract)
  await fixture.checkPending(consumer, 5, 'A record taken ahead is pending, and counts once')
  const rest = [...(first ? [first] : []), ...(await fixture.pull(consumer, 3))]
  checkEqual(idsOf(rest), idsOf([...records.slice(0, 3), ...records.slice(4)]), contract)
  await fixture.pullsNothing(consumer, contract)
}

async function findsAgain(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(300)
  const consumer = await fixture.consumer()
  if (consumer.pullAhead === undefined) return
  for (let round = 0; round < 3; round++) {
    const wanted = await fixture.sendMany(2)
    checkSame(await ahead(consumer, wanted), wanted, contract)
    checkEqual(await ahead(consumer, wanted), [], contract)
  }
  await fixture.pull(consumer, 300)
  await fixture.pullsNothing(consumer, contract)
}

async function leavesOthers(fixture: QueueFixture): Promise<void> {
  const [acked, leased] = await fixture.sendMany(2)
  const consumer = await fixture.consumer()
  if (consumer.pullAhead === undefined) return
  const deliveries = await fixture.pull(consumer, 2)
  await consumer.ack(deliveries.slice(0, 1))
  const inAnHour = Math.floor(fixture.clock.now()) + 3_600_000
  const delays = fixture.supports.longestDelayMs >= 3_600_000
  const delayed = delays ? await fixture.sendMany(1, { dueAt: inAnHour }) : []
  const all = [acked, leased, ...delayed].filter((record) => record !== undefined)
  checkEqual(await ahead(consumer, all), [], contract)
  const asked: StoredRecord[] = []
  const wanted = (record: StoredRecord): boolean => asked.push(record) < 0
  await consumer.pullAhead({ wanted, signal: new AbortController().signal })
  checkEqual(idsOf(asked), [], 'PullAheadOptions.wanted is asked of what may go out now')
}

async function releasesAhead(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(3, { key: 'same' })
  const consumer = await fixture.consumer()
  if (consumer.pullAhead === undefined) return
  const taken = await ahead(consumer, records.slice(2))
  await fixture.release(consumer, taken)
  const again = await fixture.pull(consumer, 3)
  checkEqual([...idsOf(again)].sort(), [...idsOf(records)].sort(), contract)
  await fixture.pullsNothing(consumer, contract)
}

async function acksAhead(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(4)
  const consumer = await fixture.consumer()
  if (consumer.pullAhead === undefined) return
  await consumer.ack(await ahead(consumer, records.slice(2, 3)))
  await fixture.checkPending(consumer, 3, 'A record taken ahead and acked is done with')
  if (!(await fixture.reopen())) return
  const left = await fixture.pull(await fixture.consumer(), 3)
  checkSame(left, [...records.slice(0, 2), ...records.slice(3)], contract)
}

async function leavesOtherTargets(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(2)
  const consumer = await fixture.consumer()
  if (consumer.pullAhead === undefined || !fixture.supports.independentReaders) return
  await consumer.ack(await ahead(consumer, records))
  const other = await fixture.pull(await fixture.consumer(secondTarget), 2)
  checkSame(other, records, 'Each target has progress of its own')
}

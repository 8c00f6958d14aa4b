import type { Queue } from '../../queue/queue.ts'
import type { Recall } from '../../queue/recall.ts'
import type { StoredRecord } from '../../record.ts'
import { check, checkEqual } from '../check.ts'
import { idsOf, type QueueCase, type QueueFixture } from './queue-fixture.ts'

/**
 * Delayed records that are held back, and taken back. A queue without `recall` cannot, and nothing
 * is asked of it here.
 */
export const recallCases: readonly QueueCase[] = [
  { name: 'holds a recalled record back until it is let go', run: holdsUntilLetGo },
  { name: 'hands out no record that was taken back', run: takesBack },
  { name: 'finds a delayed record that no consumer has come to', run: findsUnread },
  { name: 'holds back no other record than the one recalled', run: leavesOthers },
  { name: 'says for which target it is too late to recall a record', run: tellsTooLate },
  { name: 'hands out no record that was taken back before a crash', run: staysTakenBack },
  { name: 'counts a record no more that was taken back', run: countsNoMore },
]

const heldBack = 'Queue.recall: a record that is held is not handed out'

type Recalling = (id: string) => Promise<Recall>

/**
 * Sends a record that is due soon, and hands the case the means to recall it, if there are any. `isLate`: it is
 * recalled once it was handed out; else before it is due.
 */
async function withRecall(
  fixture: QueueFixture,
  run: (recall: Recalling, record: StoredRecord) => Promise<void>,
  { delays = 2, isLate = false } = {},
): Promise<void> {
  const { queue, clock, shortDelayMs, supports } = fixture
  if (!canRecall(queue) || supports.longestDelayMs < 10 * shortDelayMs) return
  const dueAt = Math.ceil(clock.now() + delays * shortDelayMs)
  const [record] = await fixture.send(fixture.record({ dueAt }))
  if (!record) return
  let isFirst = true
  const recall: Recalling = async (id) => {
    const recalled = await (fixture.queue.recall?.(id) ?? fail())
    if (isFirst && !isLate) fixture.ensureBefore(dueAt)
    isFirst = false
    return recalled
  }
  await run(recall, record)
}

function canRecall(queue: Queue): boolean {
  return queue.recall !== undefined
}

function fail(): Promise<never> {
  return Promise.reject(new TypeError('The queue has lost its recall.'))
}

function checkFindings(fixture: QueueFixture, { findings }: Recall, finding: string): void {
  const expected = fixture.targets.map((target) => [target, finding])
  const contract = `Queue.recall answers one finding for each target, here '${finding}'`
  checkEqual([...findings], expected, contract)
}

async function holdsUntilLetGo(fixture: QueueFixture): Promise<void> {
  await withRecall(fixture, async (recall, record) => {
    const recalled = await recall(record.id)
    checkFindings(fixture, recalled, 'held')
    checkEqual(
      recalled.held.map(({ record: { id, payload }, targets }) => [id, payload, targets]),
      [[record.id, record.payload, fixture.targets]],
      'Queue.recall answers the records it holds, whole, with their targets',
    )
    const consumer = await fixture.consumer()
    await fixture.passTime(fixture.shortDelayMs * 3)
    await fixture.pullsNothing(consumer, heldBack)
    const waiting = fixture.pull(consumer, 1)
    await fixture.quietTime()
    recalled.letGo()
    checkEqual(idsOf(await waiting), [record.id], 'Recall.letGo: a record that is due comes')
  })
}

async function takesBack(fixture: QueueFixture): Promise<void> {
  await withRecall(
    fixture,
    async (recall, record) => {
      const consumer = await fixture.consumer()
      const contract = 'A consumer never hands out a record before its dueAt'
      await fixture.pullsNothing(consumer, contract, record.dueAt)
      await (await recall(record.id)).takeBack()
      await fixture.passTime(fixture.shortDelayMs * 3)
      await fixture.pullsNothing(consumer, 'Recall.takeBack: the record is done with')
      checkFindings(fixture, await recall(record.id), 'unknown')
    },
    { delays: 4 },
  )
}

async function findsUnread(fixture: QueueFixture): Promise<void> {
  await withRecall(fixture, async (recall, record) => {
    await fixture.sendMany(3)
    const recalled = await recall(record.id)
    checkFindings(fixture, recalled, 'held')
    await recalled.takeBack()
    await fixture.passTime(fixture.shortDelayMs * 3)
    const deliveries = await fixture.pullAll(await fixture.consumer(), 3)
    check(
      deliveries.length === 3 && !idsOf(deliveries).includes(record.id),
      'Recall.takeBack: the record is done with, and no other',
      `${deliveries.length} of 3 came`,
    )
  })
}

async function leavesOthers(fixture: QueueFixture): Promise<void> {
  await withRecall(fixture, async (recall, record) => {
    const other = fixture.record({ dueAt: record.dueAt, key: record.key })
    await fixture.send(other)
    const recalled = await recall(record.id)
    checkFindings(fixture, await recall('no such id'), 'unknown')
    await fixture.passTime(fixture.shortDelayMs * 3)
    const deliveries = await fixture.pullAll(await fixture.consumer(), 1)
    checkEqual(idsOf(deliveries), [other.id], 'Queue.recall holds back what has the id, no more')
    recalled.letGo()
  })
}

async function tellsTooLate(fixture: QueueFixture): Promise<void> {
  const run = async (recall: Recalling, record: StoredRecord): Promise<void> => {
    await fixture.passTime(fixture.shortDelayMs * 3)
    for (const target of fixture.targets) await fixture.pull(await fixture.consumer(target), 1)
    const late = await recall(record.id)
    checkFindings(fixture, late, 'tooLate')
    checkEqual(late.held, [], 'Queue.recall holds nothing that was handed out')
    late.letGo()
    await fixture.pullsNothing(await fixture.consumer(), 'A leased record is given to nobody')
  }
  await withRecall(fixture, run, { isLate: true })
}

async function staysTakenBack(fixture: QueueFixture): Promise<void> {
  await withRecall(fixture, async (recall, record) => {
    await (await recall(record.id)).takeBack()
    if (!(await fixture.crash())) return
    await fixture.passTime(fixture.shortDelayMs * 3)
    const contract = 'Recall.takeBack resolves once a crash cannot bring the record back'
    for (const target of fixture.targets) {
      await fixture.pullsNothing(await fixture.consumer(target), contract)
    }
  })
}

async function countsNoMore(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const run = async (recall: Recalling, record: StoredRecord): Promise<void> => {
    const mark = await consumer.watermark({ includeDelayed: true })
    await (await recall(record.id)).takeBack()
    await fixture.checkPending(consumer, 0, 'A record that was taken back is not in the backlog')
    const remaining = await mark.remaining()
    const contract = 'A record that was taken back does not remain, so that a drain ends'
    check(remaining === 0 || remaining === undefined, contract, `${remaining} remain`)
  }
  await withRecall(fixture, run, { delays: 4 })
}

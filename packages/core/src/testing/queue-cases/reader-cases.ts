import type { Delivery } from '../../consumer/consumer.ts'
import { check, checkEqual } from '../check.ts'
import {
  firstTarget,
  idsOf,
  type QueueCase,
  type QueueFixture,
  secondTarget,
} from './queue-fixture.ts'

/**
 * Targets progress apart. A queue without independent readers has one target, and these cases then
 * hold it to serving that one.
 */
export const readerCases: readonly QueueCase[] = [
  { name: 'hands every record to every target', run: handsToEvery },
  { name: 'does not ack for one target what another has acked', run: acksApart },
  { name: 'does not let a slow target hold up another', run: slowHoldsUpNobody },
  { name: 'keeps attempts and releases of one target from another', run: attemptsApart },
  {
    name: 'hands a record meant for one target to it, and to another only by its name',
    run: namesTarget,
  },
  { name: 'keeps the progress of each target over a reopening', run: progressOverReopen },
  { name: 'lets targets pull at the same time', run: pullsAtOnce },
]

const everyTarget = 'A record for every target is handed to each of them'
const apart = 'Each target has a progress of its own'

async function handsToEvery(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(10)
  for (const target of fixture.targets) {
    const deliveries = await fixture.pull(await fixture.consumer(target), 10)
    checkEqual([...idsOf(deliveries)].sort(), [...idsOf(records)].sort(), everyTarget)
  }
}

async function acksApart(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(10)
  const fast = await fixture.consumer()
  await fast.ack(await fixture.pull(fast, 10))
  for (const target of fixture.targets.slice(1)) {
    const slow = await fixture.consumer(target)
    const deliveries = await fixture.pull(slow, 10)
    await slow.ack(deliveries.slice(0, 5))
    await fixture.closeConsumer(target)
    checkEqual((await fixture.pull(await fixture.consumer(target), 5)).length, 5, apart)
  }
  await fixture.pullsNothing(fast, 'An ack by one target does not bring records back at another')
}

async function slowHoldsUpNobody(fixture: QueueFixture): Promise<void> {
  const fast = await fixture.consumer()
  const held: Delivery[] = []
  await fixture.sendMany(10, { key: 'same' })
  for (const target of fixture.targets.slice(1)) {
    // Holds its leases and acks nothing while the other goes on.
    held.push(...(await fixture.pull(await fixture.consumer(target), 1)))
  }
  for (let round = 0; round < 5; round++) {
    await fast.ack(await fixture.take(fast, 10))
    await fixture.sendMany(10, { key: 'same' })
  }
  for (const target of fixture.targets.slice(1)) {
    const slow = await fixture.consumer(target)
    if (fixture.supports.withholdsLeasedKey) await slow.ack(held)
    checkEqual((await fixture.take(slow, 59)).length, 59, apart)
  }
}

async function attemptsApart(fixture: QueueFixture): Promise<void> {
  const [record] = await fixture.sendMany(1)
  const attempts = { spent: 3, interrupted: 0, notBefore: 0, history: [] }
  const first = await fixture.consumer()
  const deliveries = await fixture.pull(first, 1)
  await first.saveAttempts(deliveries.map((delivery) => ({ delivery, attempts })))
  await fixture.release(first, deliveries, { attempts })
  for (const target of fixture.targets.slice(1)) {
    const [delivery] = await fixture.pull(await fixture.consumer(target), 1)
    checkEqual([delivery?.record.id, delivery?.attempts.spent], [record?.id, 0], apart)
  }
}

async function namesTarget(fixture: QueueFixture): Promise<void> {
  const target = fixture.targets.at(-1) ?? firstTarget
  const mine = fixture.record({ target })
  const everyones = fixture.record()
  await fixture.send(mine, everyones)
  const deliveries = await fixture.pull(await fixture.consumer(target), 2)
  checkEqual(
    [...idsOf(deliveries)].sort(),
    [mine.id, everyones.id].sort(),
    'A target gets its records',
  )
  if (target !== secondTarget) return
  const others = await fixture.consumer(firstTarget)
  const seen = await fixture.pullAll(others, 1)
  check(
    seen.every(({ record }) => record.id === everyones.id || record.target === target),
    'A record for another target is passed over, or handed out with that target in its field',
    `${seen.length} deliveries`,
  )
  await others.ack(seen)
  await fixture.checkPending(others, 0, 'A record for another target is not waited for')
}

async function progressOverReopen(fixture: QueueFixture): Promise<void> {
  const records = await fixture.sendMany(fixture.ofOneKey(12), { key: 'same' })
  const left: (readonly string[])[] = []
  for (const [at, target] of fixture.targets.entries()) {
    const consumer = await fixture.consumer(target)
    const deliveries = await fixture.pull(consumer, records.length)
    await consumer.ack(deliveries.slice(0, 4 + 4 * at))
    left.push([...idsOf(deliveries.slice(4 + 4 * at))].sort())
  }
  if (!(await fixture.reopen())) return
  for (const [at, target] of fixture.targets.entries()) {
    const expected = left[at] ?? []
    const deliveries = await fixture.pullAll(await fixture.consumer(target), expected.length)
    checkEqual([...idsOf(deliveries)].sort(), expected, `${apart}, over a restart too`)
  }
}

async function pullsAtOnce(fixture: QueueFixture): Promise<void> {
  const consumers = await Promise.all(fixture.targets.map((target) => fixture.consumer(target)))
  const pulls = consumers.map((consumer) => fixture.pull(consumer, 50))
  const records = [...(await fixture.sendMany(25)), ...(await fixture.sendMany(25))]
  for (const deliveries of await Promise.all(pulls)) {
    checkEqual([...idsOf(deliveries)].sort(), [...idsOf(records)].sort(), everyTarget)
  }
}

import { brief, check, checkEqual, checkRefusal, fail } from '../check.ts'
import { makeDeadLetter } from '../make-record.ts'
import { type QueueCase, type QueueFixture, secondTarget } from './queue-fixture.ts'

/** What a queue says of itself, held against what it does. */
export const declarationCases: readonly QueueCase[] = [
  {
    name: 'declares what it supports within the ranges that core understands',
    run: declaresSanely,
  },
  { name: 'opens a consumer per target, or refuses a second', run: opensReaders },
  { name: 'declares acks at once that core can go by, or none', run: declaresAcks },
  {
    name: 'brings a dead-letter queue that can be listed, or declares that it brings none',
    run: bringsDeadLetters,
  },
  { name: 'closes twice without harm', run: closesTwice },
]

async function declaresSanely({ queue, supports }: QueueFixture): Promise<void> {
  check(queue.kind.length > 0, 'Queue.kind says what it is', brief(queue.kind))
  const { order, durability, attempts } = supports
  check(
    ['all', 'numbers', 'none'].includes(attempts),
    "QueueSupports.attempts is 'all', 'numbers' or 'none'",
    brief(attempts),
  )
  check(['key', 'none'].includes(order), "QueueSupports.order is 'key' or 'none'", brief(order))
  check(
    ['process', 'machine', 'replicated', 'none'].includes(durability),
    "QueueSupports.durability is 'process', 'machine', 'replicated' or 'none'",
    brief(durability),
  )
  check(supports.longestDelayMs >= 0, 'QueueSupports.longestDelayMs is 0 or more', brief(supports))
  for (const limit of [
    supports.largestRecordBytes,
    supports.largestBatchRecords,
    supports.largestBatchBytes,
  ]) {
    check(limit >= 1, 'Limits in QueueSupports are 1 or more', brief(supports))
  }
}

async function opensReaders(fixture: QueueFixture): Promise<void> {
  await fixture.consumer()
  if (fixture.supports.independentReaders) {
    const contract = 'Queue.consumer opens one per target where independentReaders is true'
    await fixture.consumer(secondTarget).catch((error: unknown) => fail(contract, brief(error)))
    return
  }
  await checkRefusal(
    fixture.consumer(secondTarget),
    'Queue.consumer refuses a second target where independentReaders is false',
  )
}

async function declaresAcks(fixture: QueueFixture): Promise<void> {
  const { acks } = await fixture.consumer()
  if (acks === undefined) return
  const { atOnce, records } = acks
  check(
    [atOnce, records].every((count) => Number.isSafeInteger(count) && count >= 1),
    'Consumer.acks, where it is there, has whole numbers of 1 or more',
    brief(acks),
  )
}

async function bringsDeadLetters({ queue, supports }: QueueFixture): Promise<void> {
  const letters = await queue.deadLetters()
  if (!supports.deadLetterListing) {
    // It may bring one all the same, which then need not list.
    await letters?.close()
    return
  }
  check(
    letters !== undefined,
    'Queue.deadLetters brings one where deadLetterListing is true',
    'none',
  )
  const letter = makeDeadLetter()
  await letters.put([letter])
  const page = await letters.list({})
  checkEqual(
    page.letters.map(({ id }) => id),
    [letter.id],
    'A queue that declares deadLetterListing lists the letters put',
  )
  await letters.close()
}

async function closesTwice(fixture: QueueFixture): Promise<void> {
  const consumer = await fixture.consumer()
  const producer = await fixture.producer()
  for (const round of ['first', 'second']) {
    await consumer
      .close()
      .catch(failing(`Consumer.close does nothing more when called again (${round})`))
    await producer
      .close()
      .catch(failing(`Producer.close does nothing more when called again (${round})`))
  }
}

function failing(contract: string): (error: unknown) => void {
  return (error) => fail(contract, brief(error))
}

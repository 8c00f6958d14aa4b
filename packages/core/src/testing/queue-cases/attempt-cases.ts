import { type AttemptState, type Delivery, noAttempts } from '../../consumer/consumer.ts'
import { check, checkEqual } from '../check.ts'
import type { QueueCase, QueueFixture } from './queue-fixture.ts'

/** What the queue remembers of attempts. */
export const attemptCases: readonly QueueCase[] = [
  { name: 'hands out a record never tried with no attempts', run: startsAtNone },
  { name: 'keeps saved attempts for the next consumer', run: keptForNextConsumer },
  { name: 'keeps the attempts saved last', run: keepsTheLast },
  { name: 'keeps saved attempts over a reopening, to the letter', run: keptOverReopen },
  {
    name: 'hands out a record at once however far ahead its next attempt is',
    run: doesNotWaitOutBackoff,
  },
  { name: 'counts no attempt that was begun before a clean close', run: closeInterruptsNothing },
  {
    name: 'counts an attempt that was interrupted by the death of the process',
    run: countsInterrupted,
  },
  { name: 'counts no attempt that had ended before the death of the process', run: countsNoEnded },
  {
    name: 'counts no attempt that was to follow soon and did not',
    run: countsNoneThatDidNotFollow,
  },
]

const remembered = 'Attempts saved for a record come with it when it is handed out again'
const marksCount =
  'After a crash a record whose attempt was begun, and neither acked nor saved, ' +
  'comes with spent and interrupted one higher'

async function startsAtNone(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(1)
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  checkEqual(delivery?.attempts, noAttempts, 'A record never tried comes with no attempts')
}

async function keptForNextConsumer(fixture: QueueFixture): Promise<void> {
  await saveAndClose(fixture, [failedTwice(fixture)])
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  fixture.checkAttempts(delivery, failedTwice(fixture), remembered)
}

async function keepsTheLast(fixture: QueueFixture): Promise<void> {
  await saveAndClose(fixture, [{ ...failedTwice(fixture), spent: 9 }, failedTwice(fixture)])
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  fixture.checkAttempts(delivery, failedTwice(fixture), 'Of several saves the last one counts')
}

async function keptOverReopen(fixture: QueueFixture): Promise<void> {
  const others = await fixture.sendMany(5)
  await saveAndClose(fixture, [failedTwice(fixture)])
  if (!(await fixture.reopen())) return
  const deliveries = await fixture.pull(await fixture.consumer(), others.length + 1)
  for (const delivery of deliveries) {
    const isOther = others.some(({ id }) => id === delivery.record.id)
    const expected = isOther ? noAttempts : failedTwice(fixture)
    fixture.checkAttempts(delivery, expected, `${remembered}, also over a restart`)
  }
}

async function doesNotWaitOutBackoff(fixture: QueueFixture): Promise<void> {
  const notBefore = fixture.clock.now() + 3_600_000
  const attempts = { ...failedTwice(fixture), notBefore }
  await saveAndClose(fixture, [attempts])
  await fixture.reopen()
  const [delivery] = await fixture.pull(await fixture.consumer(), 1)
  fixture.checkAttempts(
    delivery,
    attempts,
    'Core waits out the backoff: a consumer hands the record out and says when it may be tried',
  )
}

async function closeInterruptsNothing(fixture: QueueFixture): Promise<void> {
  const contract = 'Only the death of the process interrupts an attempt: a clean close counts none'
  await fixture.sendMany(1)
  for (const close of [() => fixture.closeConsumer(), () => fixture.reopen()]) {
    const consumer = await fixture.consumer()
    await consumer.beginAttempts?.(await fixture.pull(consumer, 1))
    await close()
    await fixture.closeConsumer()
    const [delivery] = await fixture.pull(await fixture.consumer(), 1)
    checkEqual(delivery?.attempts, noAttempts, contract)
    await fixture.closeConsumer()
  }
}

async function countsInterrupted(fixture: QueueFixture): Promise<void> {
  const counts = await beginOne(fixture)
  if (!(await fixture.crash())) return
  const [once] = await fixture.pull(await fixture.consumer(), 1)
  if (!counts) {
    const contract =
      'A queue without beginAttempts counts in Delivery.handOuts how often it handed out'
    return check((once?.handOuts ?? 0) >= 2, contract, `${once?.handOuts} after a crash`)
  }
  checkEqual(numbersOf(once), { spent: 1, interrupted: 1 }, marksCount)

  await (await fixture.consumer()).beginAttempts?.(once ? [once] : [])
  await fixture.crash()
  const [twice] = await fixture.pull(await fixture.consumer(), 1)
  checkEqual(numbersOf(twice), { spent: 2, interrupted: 2 }, marksCount)
}

async function countsNoEnded(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(3)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 3)
  await consumer.beginAttempts?.(deliveries)
  const attempts = failedTwice(fixture)
  await consumer.saveAttempts(deliveries.slice(0, 1).map((delivery) => ({ delivery, attempts })))
  await fixture.release(consumer, deliveries.slice(1, 2), { attempts })
  await consumer.ack(deliveries.slice(2))
  if (!(await fixture.crash())) return
  const again = await fixture.pullAll(await fixture.consumer(), 2)
  const contract = 'An attempt that was saved or released has ended, and is not counted again'
  for (const delivery of again) {
    // The ack of the third may be forgotten in a crash, and the mark with it.
    if (delivery.record.id !== deliveries[2]?.record.id) {
      fixture.checkAttempts(delivery, attempts, contract)
    }
  }
}

async function countsNoneThatDidNotFollow(fixture: QueueFixture): Promise<void> {
  await fixture.sendMany(2)
  const consumer = await fixture.consumer()
  const [first, second] = await fixture.pullAll(consumer, 2)
  if (first === undefined || second === undefined) return
  await consumer.beginAttempts?.([first], () => [second])
  await fixture.passTime(100)
  if (!(await fixture.crash())) return
  const again = await fixture.pullAll(await fixture.consumer(), 2)
  const contract = 'An attempt that has not begun 20 ms after it was to follow soon is not counted'
  for (const delivery of again) {
    if (delivery.record.id === second.record.id) {
      checkEqual(delivery.attempts, noAttempts, contract)
    }
  }
}

/** Without the history: a queue may add there what it knows of an interrupted attempt; core does. */
function numbersOf(delivery: Delivery | undefined): Pick<AttemptState, 'spent' | 'interrupted'> {
  const { spent, interrupted } = delivery?.attempts ?? noAttempts
  return { spent, interrupted }
}

/** Begins an attempt for one new record. False where the queue counts deliveries itself. */
async function beginOne(fixture: QueueFixture): Promise<boolean> {
  await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pull(consumer, 1)
  await consumer.beginAttempts?.(deliveries)
  return consumer.beginAttempts !== undefined
}

/** Sends one record more, saves its attempts one after the other, and closes the consumer. */
async function saveAndClose(fixture: QueueFixture, states: readonly AttemptState[]): Promise<void> {
  const [record] = await fixture.sendMany(1)
  const consumer = await fixture.consumer()
  const deliveries = await fixture.pullAll(consumer, 1)
  const tried = deliveries.filter((delivery) => delivery.record.id === record?.id)
  for (const attempts of states) {
    await consumer.saveAttempts(tried.map((delivery) => ({ delivery, attempts })))
  }
  await fixture.closeConsumer()
}

function failedTwice({ clock }: QueueFixture): AttemptState {
  const at = Math.floor(clock.now() / 3_600_000) * 3_600_000
  const attempt = { at, durationMs: 12.5, target: 'first', class: 'transient' } as const
  return {
    spent: 2,
    interrupted: 0,
    notBefore: 1,
    history: [
      { ...attempt, code: 'BUSY', message: 'The store is busy.' },
      {
        ...attempt,
        class: 'timeout',
        code: 'ERR_APPLY_TIMEOUT',
        message: 'Nach 5 s keine Antwort: „…“ 🕔',
      },
    ],
  }
}

import { brief, checkEqual, checkRefusal, fail, within } from '../check.ts'
import { makeDeadLetter } from '../make-record.ts'
import type { DeadLetterCase, DeadLetterFixture } from './dead-letter-fixture.ts'

/** After close, and while closing. */
export const closingCases: readonly DeadLetterCase[] = [
  { name: 'refuses to put after close', run: refusesPut },
  { name: 'does not hang in reads and removes after close', run: settlesReads },
  { name: 'keeps what was being put when it was closed, or refuses it', run: settlesPutsAtClose },
  { name: 'closes a second time without harm', run: closesTwice },
]

async function refusesPut({ queue, patienceMs }: DeadLetterFixture): Promise<void> {
  await queue.close()
  const contract = 'DeadLetterQueue.put rejects if it is not certain that the letters are durable'
  await within(patienceMs, checkRefusal(queue.put([makeDeadLetter()]), contract), contract)
}

async function settlesReads({ queue, patienceMs }: DeadLetterFixture): Promise<void> {
  const letter = makeDeadLetter()
  await queue.put([letter])
  await queue.close()
  const contract =
    'After DeadLetterQueue.close a call is answered truthfully or rejects; it does not hang'
  const drain = async (): Promise<void> => {
    for await (const summary of queue.summaries()) checkEqual(summary.id, letter.id, contract)
  }
  const calls = [
    queue.list({}),
    queue.get(letter.id),
    queue.count(),
    queue.remove(['none']),
    drain(),
  ]
  const settled = await within(patienceMs, Promise.allSettled(calls), contract)
  for (const outcome of settled) {
    if (outcome.status === 'rejected') await checkRefusal(Promise.reject(outcome.reason), contract)
  }
}

async function settlesPutsAtClose(fixture: DeadLetterFixture): Promise<void> {
  const letters = Array.from({ length: 10 }, () => makeDeadLetter())
  const puts = letters.map((letter) =>
    fixture.queue.put([letter]).then(
      () => true,
      () => false,
    ),
  )
  const reopened = await fixture.reopen()
  const contract = 'A put settles also when the queue is closed meanwhile'
  const kept = await within(fixture.patienceMs, Promise.all(puts), contract)
  if (!reopened) return
  for (const [at, letter] of letters.entries()) {
    if (kept[at] !== true) continue
    checkEqual(
      await fixture.queue.get(letter.id),
      letter,
      'Once put has resolved the letter is durable',
    )
  }
}

async function closesTwice({ queue }: DeadLetterFixture): Promise<void> {
  await queue.close()
  await queue.close().catch((error: unknown) => {
    fail('A second DeadLetterQueue.close does nothing more', brief(error))
  })
}

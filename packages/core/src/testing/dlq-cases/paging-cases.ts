import type { StoredDeadLetter } from '../../dlq/dlq.ts'
import { check, checkEqual, checkRefusal, fail } from '../check.ts'
import { makeDeadLetter } from '../make-record.ts'
import { type DeadLetterCase, type DeadLetterFixture, letterIds } from './dead-letter-fixture.ts'

/** Page by page, while letters come and go. */
export const pagingCases: readonly DeadLetterCase[] = [
  { name: 'gives at most limit letters, 100 unless told', run: honoursLimit },
  { name: 'gives every letter once, page by page', run: pagesOnce },
  { name: 'goes on with the next page while letters are put', run: stableUnderPuts },
  { name: 'goes on with the next page while letters are removed', run: stableUnderRemoves },
  {
    name: 'goes on with the next page after the whole last one was removed',
    run: survivesRemovedCursor,
  },
  { name: 'ends the pages with no next', run: endsPages },
  { name: 'refuses a page that cannot be meant', run: refusesWrongPages },
]

const stable =
  'Letters that stay are given once each, whatever is put and removed between two pages'

async function honoursLimit(fixture: DeadLetterFixture): Promise<void> {
  await fixture.queue.put(Array.from({ length: 130 }, () => makeDeadLetter()))
  const list = (limit?: number) => fixture.queue.list({ limit })
  checkEqual((await list()).letters.length, 100, 'A page holds 100 letters unless told')
  for (const limit of [1, 7, 129, 130]) {
    checkEqual((await list(limit)).letters.length, limit, 'A page holds at most limit letters')
  }
  checkEqual((await list(1_000)).letters.length, 130, 'A page holds what there is')
}

async function pagesOnce(fixture: DeadLetterFixture): Promise<void> {
  const letters = Array.from({ length: 25 }, () => makeDeadLetter())
  await fixture.queue.put(letters)
  for (const limit of [1, 5, 7, 24, 25, 26]) {
    checkEqual(
      letterIds(await fixture.listAll({}, limit)),
      letterIds(letters),
      `Pages of ${limit} give every letter once, in the order of the puts`,
    )
  }
}

async function stableUnderPuts(fixture: DeadLetterFixture): Promise<void> {
  const letters = await fixture.putMany(10)
  const late: StoredDeadLetter[] = []
  const seen = await pageThrough(fixture, async () => {
    if (late.length < 4) late.push(...(await fixture.putMany(1)))
  })
  checkEqual(seen.slice(0, 10), letterIds(letters), stable)
  checkEqual(seen.slice(10), letterIds(late), 'Letters put meanwhile come behind the others')
}

async function stableUnderRemoves(fixture: DeadLetterFixture): Promise<void> {
  const letters = await fixture.putMany(12)
  const gone = [0, 1, 4, 5, 7, 11]
  const stay = letterIds(letters.filter((_, at) => !gone.includes(at)))
  const removals = [[0, 1], [7], [4, 5], [11]]
  const seen = await pageThrough(fixture, async () => {
    const ids = (removals.shift() ?? []).map((at) => letters[at]?.id ?? '')
    await fixture.queue.remove(ids)
  })
  checkEqual(
    seen.filter((id) => stay.includes(id)),
    stay,
    stable,
  )
  checkEqual(new Set(seen).size, seen.length, stable)
}

async function survivesRemovedCursor(fixture: DeadLetterFixture): Promise<void> {
  const letters = await fixture.putMany(9)
  // Each page is removed before the next is asked for, as a redrive of everything does.
  const seen = await pageThrough(fixture, async (page) => {
    await fixture.queue.remove(letterIds(page))
  })
  checkEqual(seen, letterIds(letters), stable)
  const left = letters.slice(6)
  checkEqual(await fixture.listAll(), left, 'A letter removed is no longer listed')
}

async function endsPages(fixture: DeadLetterFixture): Promise<void> {
  await fixture.putMany(4)
  const contract = 'StoredDeadLetterPage.next is undefined at the end'
  checkEqual((await fixture.queue.list({ limit: 5 })).next, undefined, contract)
  const first = await fixture.queue.list({ limit: 2 })
  check(first.next !== undefined, 'A page has a next while there are more letters', 'none')
  const second = await fixture.queue.list({ limit: 2, after: first.next })
  // A full last page may have a next, if that one then is empty and the end.
  if (second.next === undefined) return
  const third = await fixture.queue.list({ limit: 2, after: second.next })
  checkEqual(third, { letters: [], next: undefined }, contract)
}

async function refusesWrongPages(fixture: DeadLetterFixture): Promise<void> {
  await fixture.putMany(2)
  const contract = 'DeadLetterPageOptions.limit is a whole number from 1 to 1,000'
  for (const limit of [0, -1, 1.5, 1_001, Number.NaN]) {
    await checkRefusal(fixture.queue.list({ limit }), contract, 'ERR_INVALID_SELECTION')
  }
  await checkRefusal(
    fixture.queue.list({ after: 'no page gave this' }),
    'DeadLetterPageOptions.after is the next of a page before',
    'ERR_INVALID_SELECTION',
  )
}

/** Pages of three through everything, with something happening after each. */
async function pageThrough(
  fixture: DeadLetterFixture,
  between: (page: readonly StoredDeadLetter[]) => Promise<void>,
): Promise<readonly string[]> {
  const seen: string[] = []
  let after: string | undefined
  for (let pages = 0; pages < 100; pages++) {
    const page = await fixture.queue.list({ limit: 3, after })
    seen.push(...letterIds(page.letters))
    if (page.next === undefined) return seen
    after = page.next
    await between(page.letters)
  }
  fail('StoredDeadLetterPage.next is undefined at the end', '100 pages and no end')
}

import type { DeadLetterFilter, StoredDeadLetter } from '../../dlq/dlq.ts'
import { checkEqual } from '../check.ts'
import { makeDeadLetter, makeStoredRecord } from '../make-record.ts'
import { type DeadLetterCase, type DeadLetterFixture, letterIds } from './dead-letter-fixture.ts'

/** Finding letters: order, filters, counts, summaries. */
export const listCases: readonly DeadLetterCase[] = [
  { name: 'lists letters in the order in which they were put', run: listsInOrder },
  { name: 'filters by target, key, code and time, alone and together', run: filters },
  { name: 'answers undefined for a letter it does not have', run: getsNothing },
  { name: 'counts letters per target', run: countsPerTarget },
  { name: 'summarises every letter', run: summarises },
  { name: 'is empty at first', run: startsEmpty },
]

async function listsInOrder(fixture: DeadLetterFixture): Promise<void> {
  // Times and ids that tell of another order than that of the puts.
  const base = 1_763_971_200_000
  const letters = [5, 3, 9, 1, 7].map((second) => makeDeadLetter({ at: base + second * 1_000 }))
  letters.reverse()
  await fixture.queue.put(letters.slice(0, 3))
  for (const letter of letters.slice(3)) await fixture.queue.put([letter])
  checkEqual(
    letterIds((await fixture.queue.list({})).letters),
    letterIds(letters),
    'Letters are listed in the order in which they were put',
  )
}

async function filters(fixture: DeadLetterFixture): Promise<void> {
  const base = 1_763_971_200_000
  const letters = Array.from({ length: 24 }, (_, at) =>
    makeDeadLetter({
      target: at % 2 === 0 ? 'search' : 'cassandra',
      code: at % 3 === 0 ? 'BUSY' : 'REFUSED',
      at: base + at,
      record: makeStoredRecord({ key: at % 4 === 0 ? 'a' : 'a ' }),
    }),
  )
  await fixture.queue.put(letters)
  const filters: readonly DeadLetterFilter[] = [
    { target: 'search' },
    { target: 'searc' },
    { key: 'a' },
    { code: 'BUSY' },
    { code: 'busy' },
    { since: base + 5 },
    { until: base + 5 },
    { since: base + 5, until: base + 6 },
    { since: base + 6, until: base + 6 },
    { target: 'search', code: 'BUSY', key: 'a' },
    { target: 'cassandra', code: 'REFUSED', since: base + 7, until: base + 20 },
    { target: undefined, key: undefined, code: undefined, since: undefined, until: undefined },
  ]
  const checks = filters.map(async (filter) => {
    const expected = letterIds(letters.filter((letter) => matches(letter, filter)))
    const contract = `A filter lists the letters that match all of it: ${JSON.stringify(filter)}`
    checkEqual(letterIds(await fixture.listAll(filter)), expected, contract)
    checkEqual(letterIds(await fixture.listAll(filter, 2)), expected, `${contract}, in pages of 2`)
  })
  await Promise.all(checks)
}

function matches(letter: StoredDeadLetter, filter: DeadLetterFilter): boolean {
  const { target = letter.target, key = letter.record.key, code = letter.code } = filter
  const { since = letter.at, until = letter.at + 1 } = filter
  const sameNames = letter.target === target && letter.record.key === key && letter.code === code
  return sameNames && letter.at >= since && letter.at < until
}

async function getsNothing(fixture: DeadLetterFixture): Promise<void> {
  const [letter] = await fixture.putMany(1)
  const contract = 'DeadLetterQueue.get answers undefined for an id it does not have'
  checkEqual(await fixture.queue.get('no such letter'), undefined, contract)
  checkEqual(await fixture.queue.get(letter?.record.id ?? ''), undefined, contract)
  checkEqual(await fixture.queue.get('__proto__'), undefined, contract)
}

async function countsPerTarget(fixture: DeadLetterFixture): Promise<void> {
  await fixture.putMany(3, { target: 'search' })
  const [gone] = await fixture.putMany(2, { target: 'cassandra' })
  const contract = 'DeadLetterQueue.count tells how many letters wait, per target'
  await fixture.checkCounts({ search: 3, cassandra: 2 }, contract)
  await fixture.queue.remove([gone?.id ?? '', 'no such letter'])
  await fixture.checkCounts({ search: 3, cassandra: 1 }, contract)
  await fixture.queue.remove(letterIds(await fixture.listAll({ target: 'search' })))
  await fixture.checkCounts({ cassandra: 1 }, contract)
}

async function summarises(fixture: DeadLetterFixture): Promise<void> {
  const letters = Array.from({ length: 150 }, (_, at) =>
    makeDeadLetter({
      target: at % 2 === 0 ? 'search' : 'cassandra',
      record: makeStoredRecord({
        attemptEpoch: at % 3,
        ...(at % 5 === 0 ? { key: undefined } : {}),
      }),
    }),
  )
  await fixture.queue.put(letters)
  const [gone] = letters
  await fixture.queue.remove([gone?.id ?? ''])
  const expected = letters.slice(1).map(({ id, target, record }) => ({
    id,
    recordId: record.id,
    target,
    key: record.key,
    attemptEpoch: record.attemptEpoch,
    version: record.version,
  }))
  const byId = (a: { readonly id: string }, b: { readonly id: string }): number =>
    a.id < b.id ? -1 : 1
  checkEqual(
    [...(await fixture.summaries())].sort(byId),
    expected.sort(byId),
    'DeadLetterQueue.summaries gives every letter, without its bytes',
  )
}

async function startsEmpty(fixture: DeadLetterFixture): Promise<void> {
  const contract = 'A new dead-letter queue holds nothing'
  checkEqual(await fixture.queue.list({}), { letters: [], next: undefined }, contract)
  await fixture.checkCounts({}, contract)
  checkEqual(await fixture.summaries(), [], contract)
}

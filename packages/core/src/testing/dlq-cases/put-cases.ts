import { checkEqual } from '../check.ts'
import { makeDeadLetter, makeStoredRecord } from '../make-record.ts'
import { type DeadLetterCase, type DeadLetterFixture, letterIds } from './dead-letter-fixture.ts'

/** What is put is there, whole. */
export const putCases: readonly DeadLetterCase[] = [
  { name: 'keeps every field of a letter', run: keepsEveryField },
  {
    name: 'keeps payloads to the byte, and no payload apart from an empty one',
    run: keepsPayloads,
  },
  { name: 'keeps its own copy of the bytes once put has resolved', run: keepsItsOwnCopy },
  { name: 'replaces a letter that is put again', run: replaces },
  { name: 'replaces a letter that is put twice at once', run: replacesWithinBatch },
  { name: 'keeps letters of one record at several targets apart', run: keepsTargetsApart },
  { name: 'keeps every letter of concurrent puts', run: keepsConcurrentPuts },
  { name: 'takes a put of nothing without harm', run: putsNothing },
  { name: 'keeps letters, replacements and removals over a reopening', run: lasts },
]

const putIsThere = 'Once DeadLetterQueue.put has resolved, the letter is there, exactly as put'
const putReplaces = 'Putting a letter with the id of another replaces it: one letter, the newer one'

async function keepsEveryField(fixture: DeadLetterFixture): Promise<void> {
  const attempt = {
    at: 1_763_971_200_000,
    durationMs: 12.75,
    target: 'search',
    class: 'timeout',
  } as const
  const letter = makeDeadLetter({
    target: 'search',
    at: 1_763_971_260_001,
    code: 'mapper_parsing_exception',
    message: 'failed to parse field [Größe] 🎬\n\tat line 1',
    attemptsSpent: 5,
    attempts: [
      { ...attempt, code: 'ERR_APPLY_TIMEOUT', message: '' },
      {
        ...attempt,
        class: 'permanent',
        code: 'mapper_parsing_exception',
        message: 'x'.repeat(5_000),
      },
    ],
    record: makeStoredRecord({
      key: '日本語/"key"',
      headers: { empty: '', Größe: 'ü', ['__proto__']: 'kept' },
      op: 'patch',
      payload: Uint8Array.of(0, 255, 128, 10),
      version: 2n ** 63n - 1n,
      origin: 'eu-west-1',
      dueAt: 1_763_971_199_999,
      target: 'search',
      transaction: { id: 'tx-1', index: 3 },
      attemptEpoch: 2,
      traceContext: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
      encryptionKeyId: 'kms-1',
    }),
  })
  const bare = makeDeadLetter({ record: makeStoredRecord({ key: undefined }) })
  await fixture.queue.put([letter, bare])
  checkEqual(await fixture.queue.get(letter.id), letter, putIsThere)
  checkEqual(await fixture.queue.get(bare.id), bare, putIsThere)
  checkEqual(
    await fixture.listAll(),
    [letter, bare],
    'DeadLetterQueue.list gives letters exactly as put',
  )
}

async function keepsPayloads(fixture: DeadLetterFixture): Promise<void> {
  const large = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) >> 3)
  const payloads = [undefined, new Uint8Array(0), large, large.subarray(100, 103)]
  const letters = payloads.map((payload) =>
    makeDeadLetter({ record: makeStoredRecord({ op: 'delete', payload }) }),
  )
  await fixture.queue.put(letters)
  for (const letter of letters) checkEqual(await fixture.queue.get(letter.id), letter, putIsThere)
}

async function keepsItsOwnCopy(fixture: DeadLetterFixture): Promise<void> {
  const payload = Uint8Array.of(1, 2, 3)
  const letter = makeDeadLetter({ record: makeStoredRecord({ payload }) })
  await fixture.queue.put([letter])
  payload.fill(9)
  checkEqual(
    (await fixture.queue.get(letter.id))?.record.payload,
    Uint8Array.of(1, 2, 3),
    'Once DeadLetterQueue.put has resolved, the caller may use its bytes again',
  )
}

async function replaces(fixture: DeadLetterFixture): Promise<void> {
  const [first, ...others] = await fixture.putMany(3)
  if (!first) return
  const again = { ...first, at: first.at + 1, code: 'OTHER', message: 'Refused again.' }
  await fixture.queue.put([again])
  checkEqual(await fixture.queue.get(first.id), again, putReplaces)
  const letters = await fixture.listAll()
  checkEqual([...letterIds(letters)].sort(), [...letterIds([first, ...others])].sort(), putReplaces)
  checkEqual(
    letters.find(({ id }) => id === first.id),
    again,
    putReplaces,
  )
  await fixture.checkCounts({ [first.target]: 3 }, `${putReplaces}; it counts once`)
  checkEqual((await fixture.summaries()).length, 3, `${putReplaces}; it has one summary`)
}

async function replacesWithinBatch(fixture: DeadLetterFixture): Promise<void> {
  const letter = makeDeadLetter()
  const again = { ...letter, message: 'Refused again.' }
  await fixture.queue.put([letter, makeDeadLetter(), again])
  checkEqual(await fixture.queue.get(letter.id), again, putReplaces)
  checkEqual((await fixture.listAll()).length, 2, putReplaces)
}

async function keepsTargetsApart(fixture: DeadLetterFixture): Promise<void> {
  const record = makeStoredRecord()
  const letters = ['first', 'second'].map((target) => makeDeadLetter({ record, target }))
  await fixture.queue.put(letters)
  checkEqual(await fixture.listAll(), letters, 'A record has a letter of its own at every target')
}

async function keepsConcurrentPuts(fixture: DeadLetterFixture): Promise<void> {
  const letters = Array.from({ length: 60 }, () => makeDeadLetter())
  const puts = Array.from({ length: 20 }, (_, at) =>
    fixture.queue.put(letters.slice(at * 3, at * 3 + 3)),
  )
  await Promise.all(puts)
  checkEqual(
    [...letterIds(await fixture.listAll())].sort(),
    [...letterIds(letters)].sort(),
    putIsThere,
  )
  const found = await Promise.all(letters.map(({ id }) => fixture.queue.get(id)))
  checkEqual(found, letters, putIsThere)
}

async function putsNothing(fixture: DeadLetterFixture): Promise<void> {
  await fixture.queue.put([])
  checkEqual(await fixture.listAll(), [], 'A put of nothing puts nothing')
}

async function lasts(fixture: DeadLetterFixture): Promise<void> {
  const [first, second, third, fourth] = await fixture.putMany(4)
  if (!first || !second || !third || !fourth) return
  const replaced = { ...first, code: 'OTHER' }
  await fixture.queue.remove([second.id])
  await fixture.queue.put([replaced])
  const before = await fixture.listAll()
  if (!(await fixture.reopen())) return
  const contract = 'Once put and remove have resolved, what they did lasts over a reopening'
  checkEqual(await fixture.listAll(), before, contract)
  checkEqual(await fixture.queue.get(replaced.id), replaced, contract)
  checkEqual(await fixture.queue.get(second.id), undefined, contract)
  await fixture.checkCounts({ [first.target]: 3 }, contract)
  const late = makeDeadLetter()
  await fixture.queue.put([late])
  checkEqual(
    letterIds(await fixture.listAll()),
    [...letterIds(before), late.id],
    'A letter put after a reopening is listed behind those put before',
  )
}

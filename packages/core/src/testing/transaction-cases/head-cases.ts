import type { TransactionHead } from '../../transaction/transaction-store.ts'
import { check, checkEqual } from '../check.ts'
import { openedAt, type TransactionCase, type TransactionFixture } from './transaction-fixture.ts'

/** What a store does with heads: a conditional put, and lists by state and age. */
export const headCases: readonly TransactionCase[] = [
  { name: 'gives a head exactly as it was put', run: keepsHeads },
  { name: 'knows nothing of an id that it was not given', run: knowsNothing },
  { name: 'creates an id once', run: createsOnce },
  { name: 'puts the head that follows the one it has', run: putsNext },
  { name: 'refuses a head that does not follow the one it has', run: refusesOthers },
  { name: 'gives a head that may wait, and puts no other in its place', run: givesWaiting },
  { name: 'puts no head of a transaction it does not have', run: refusesUnknown },
  { name: 'lets one of several puts at the same time succeed', run: letsOneSucceed },
  { name: 'lets one of several creations at the same time succeed', run: createsOneOfSeveral },
  { name: 'lists by state', run: listsByState },
  { name: 'lists those that changed before an instant', run: listsByAge },
  { name: 'lists in pages, in the order of ids', run: listsPages },
  { name: 'lists the others where a head cannot be read, and tells of it', run: passesOver },
]

const exact = 'TransactionStore.get gives the head exactly as it was put last'
const conditional = 'TransactionStore.put stores the head that follows the stored one, and no other'

/** Every field with a value of its own. */
const full: Partial<TransactionHead> = {
  state: 'parked',
  changedAt: openedAt + 5,
  mutations: 10_000,
  bytes: 268_435_456,
  chunks: 1024,
  checksum: 4_294_967_295,
  span: 17,
  version: 2n ** 53n - 1n,
  targets: {
    orders: { state: 'applied', mutations: 6_000, applied: 6_000, attemptedAt: 0 },
    'Größe "x"': {
      state: 'parked',
      mutations: 4_000,
      applied: 17,
      attemptedAt: 12,
      failure: { index: 39, code: 'mapper_parsing_exception', message: 'failed: 日本語\n🎬' },
    },
  },
}

async function keepsHeads(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const head = await fixture.created(full)
  const bare = await fixture.created()
  checkEqual(await store.get(head.id), head, exact)
  checkEqual(await store.get(bare.id), bare, exact)
}

async function knowsNothing(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.get answers undefined for an id that it does not have'
  await fixture.created()
  checkEqual(await fixture.store.get(fixture.head().id), undefined, contract)
}

async function createsOnce(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.create answers false, and changes nothing, for an id it has'
  const head = await fixture.created(full)
  checkEqual(await fixture.store.create({ ...head, state: 'open' }, []), false, contract)
  checkEqual(await fixture.store.get(head.id), head, contract)
}

async function putsNext(fixture: TransactionFixture): Promise<void> {
  const head = await fixture.created()
  const sealed = fixture.next(head, { ...full, state: 'sealed' })
  checkEqual(await fixture.store.put(sealed), true, conditional)
  checkEqual(await fixture.store.get(head.id), sealed, exact)
  const applying = fixture.next(sealed, { state: 'applying' })
  checkEqual(await fixture.store.put(applying, { lasting: false }), true, conditional)
  checkEqual(await fixture.store.get(head.id), applying, exact)
}

async function refusesOthers(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const head = await fixture.created()
  const sealed = fixture.next(head, { state: 'sealed' })
  await store.put(sealed)
  const others = [
    fixture.next(head, { state: 'discarded' }),
    { ...sealed, state: 'applied', revision: 4 } as const,
    { ...head, state: 'discarded' } as const,
  ]
  for (const other of others) checkEqual(await store.put(other), false, conditional)
  checkEqual(await store.get(head.id), sealed, conditional)
}

async function givesWaiting(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const head = await fixture.created({ state: 'sealed' })
  const waiting = fixture.next(head, { state: 'applying' })
  const mayWait = { lasting: false, mayWait: true }
  checkEqual(await store.put(waiting, mayWait), true, conditional)
  checkEqual(await store.get(head.id), waiting, exact)
  const filter = { changedBefore: openedAt + 1, limit: 10 }
  const contract = 'TransactionStore.list gives a head that may wait as it was put'
  checkEqual(await store.list({ ...filter, state: 'sealed' }), [], contract)
  checkEqual(await store.list({ ...filter, state: 'applying' }), [waiting], contract)
  const rival = fixture.next(head, { state: 'discarded' })
  checkEqual(await store.put(rival), false, conditional)
  checkEqual(await store.put(rival, mayWait), false, conditional)
  const applied = fixture.next(waiting, { state: 'applied' })
  checkEqual(await store.put(applied), true, conditional)
  checkEqual(await store.get(head.id), applied, exact)
}

async function refusesUnknown(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.put answers false, and stores nothing, where there is no head'
  const head = fixture.head({ revision: 2 })
  checkEqual(await fixture.store.put(head), false, contract)
  checkEqual(await fixture.store.get(head.id), undefined, contract)
}

async function letsOneSucceed(fixture: TransactionFixture): Promise<void> {
  const contract = 'Of several TransactionStore.put at the same time one succeeds'
  const head = await fixture.created()
  const rivals = Array.from({ length: 8 }, (_, at) =>
    fixture.next(head, { state: at % 2 === 0 ? 'sealed' : 'discarded', mutations: at }),
  )
  const answers = await Promise.all(rivals.map((rival) => fixture.store.put(rival)))
  checkEqual(answers.filter(Boolean).length, 1, contract)
  checkEqual(await fixture.store.get(head.id), rivals[answers.indexOf(true)], contract)
}

async function createsOneOfSeveral(fixture: TransactionFixture): Promise<void> {
  const contract = 'Of several TransactionStore.create of one id at the same time one succeeds'
  const head = fixture.head()
  const rivals = Array.from({ length: 8 }, (_, at) => ({ ...head, mutations: at }))
  const answers = await Promise.all(rivals.map((rival) => fixture.store.create(rival, [])))
  checkEqual(answers.filter(Boolean).length, 1, contract)
  checkEqual(await fixture.store.get(head.id), rivals[answers.indexOf(true)], contract)
}

async function listsByState(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.list gives the heads of the state, and no others'
  const open = await fixture.created()
  const sealed = await fixture.created({ state: 'sealed' })
  const moved = await fixture.created()
  const applied = fixture.next(moved, { state: 'applied', ...{ version: 7n } })
  await fixture.store.put(applied)
  const all = { changedBefore: openedAt + 1, limit: 10 }
  checkEqual(await fixture.store.list({ ...all, state: 'open' }), [open], contract)
  checkEqual(await fixture.store.list({ ...all, state: 'sealed' }), [sealed], contract)
  checkEqual(await fixture.store.list({ ...all, state: 'applied' }), [applied], contract)
  checkEqual(await fixture.store.list({ ...all, state: 'parked' }), [], contract)
}

async function listsByAge(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.list gives the heads that changed before the instant'
  const old = await fixture.created({ changedAt: openedAt - 2 })
  await fixture.created({ changedAt: openedAt })
  const all = { state: 'open', limit: 10 } as const
  checkEqual(await fixture.store.list({ ...all, changedBefore: openedAt }), [old], contract)
  checkEqual(await fixture.store.list({ ...all, changedBefore: openedAt - 2 }), [], contract)
}

async function listsPages(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.list gives at most `limit` heads, those behind `after`, by id'
  const heads: TransactionHead[] = []
  for (let count = 0; count < 5; count++) heads.push(fixture.head())
  for (const head of heads.toReversed()) await fixture.store.create(head, [])
  const seen: TransactionHead[] = []
  let after: string | undefined
  for (;;) {
    const filter = { state: 'open', changedBefore: openedAt + 1, limit: 2, after } as const
    const page = await fixture.store.list(filter)
    check(page.length <= 2, contract, `${page.length} heads`)
    if (page.length === 0) break
    seen.push(...page)
    check(seen.length <= 5, contract, `${seen.length} heads of 5`)
    after = page.at(-1)?.id
  }
  checkEqual(seen, heads, contract)
}

async function passesOver(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.list passes over a head that it cannot read'
  const { store, unreadable } = fixture
  const heads: TransactionHead[] = []
  for (let count = 0; count < 3; count++) heads.push(await fixture.created({ state: 'sealed' }))
  const bad = heads[1] as TransactionHead
  const filter = { state: 'sealed', changedBefore: openedAt + 1, limit: 10 } as const
  // A store that has no heads by themselves shows that it lists all of them.
  await unreadable?.spoil(bad.id)
  const listed = await store.list(filter).catch((error: unknown) => error)
  const others = unreadable === undefined ? heads : heads.filter((head) => head !== bad)
  checkEqual(listed, others, contract)
  if (unreadable === undefined) return
  const [error] = unreadable.reported
  check(error?.message.includes(bad.id) === true, `${contract}, and reports its id`, `${error}`)
  await unreadable.mend(bad.id)
  checkEqual(await store.list(filter), heads, `${contract}, and removes nothing of it`)
}

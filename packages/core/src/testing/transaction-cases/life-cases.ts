import { checkEqual, checkRefusal } from '../check.ts'
import {
  bytesOf,
  openedAt,
  type TransactionCase,
  type TransactionFixture,
} from './transaction-fixture.ts'

/** Removal, reopening and closing. */
export const lifeCases: readonly TransactionCase[] = [
  { name: 'removes a transaction whole', run: removes },
  { name: 'passes over the removal of what it does not have', run: removesNothing },
  { name: 'can be given an id again that was removed, without its old chunks', run: startsAnew },
  { name: 'has everything after a reopening', run: lasts },
  { name: 'keeps many that come at the same time', run: keepsMany },
  { name: 'closes twice, and refuses what comes later', run: closes },
]

async function removes(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const contract = 'TransactionStore.remove removes head and chunks, of that transaction alone'
  const head = await fixture.created({}, [bytesOf('gone')])
  const other = await fixture.created({}, [bytesOf('stays')])
  await store.remove(head.id)
  checkEqual(await store.get(head.id), undefined, contract)
  checkEqual(await store.chunk(head.id, 0), undefined, contract)
  const open = { state: 'open', changedBefore: openedAt + 1, limit: 10 } as const
  checkEqual(await store.list(open), [other], contract)
  checkEqual(await store.chunk(other.id, 0), bytesOf('stays'), contract)
}

async function removesNothing(fixture: TransactionFixture): Promise<void> {
  await fixture.store.remove(fixture.head().id)
}

async function startsAnew(fixture: TransactionFixture): Promise<void> {
  const contract = 'A transaction that was removed leaves nothing to one that is created later'
  const head = await fixture.created({}, [bytesOf('old'), bytesOf('old, too')])
  await fixture.store.remove(head.id)
  await fixture.store.create(head, [bytesOf('new')])
  checkEqual(await fixture.store.chunk(head.id, 0), bytesOf('new'), contract)
  checkEqual(await fixture.store.chunk(head.id, 1), undefined, contract)
}

async function lasts(fixture: TransactionFixture): Promise<void> {
  const contract = 'What a TransactionStore has stored is there after a reopening'
  const open = await fixture.created({}, [bytesOf('first')])
  await fixture.store.addChunk(open.id, 1, bytesOf('second'))
  const head = await fixture.created({ state: 'sealed', version: 9n })
  const applied = fixture.next(head, { state: 'applied' })
  await fixture.store.put(applied)
  const gone = await fixture.created()
  await fixture.store.remove(gone.id)
  if (!(await fixture.reopen())) return
  const { store } = fixture
  checkEqual(await store.get(open.id), open, contract)
  checkEqual(await store.chunk(open.id, 0), bytesOf('first'), contract)
  checkEqual(await store.chunk(open.id, 1), bytesOf('second'), contract)
  checkEqual(await store.get(head.id), applied, contract)
  checkEqual(await store.get(gone.id), undefined, contract)
  checkEqual(await store.put(fixture.next(head, { state: 'parked' })), false, contract)
  checkEqual(await store.put(fixture.next(open, { state: 'sealed' })), true, contract)
}

async function keepsMany(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const contract = 'A TransactionStore keeps what is stored at the same time'
  const heads = await Promise.all(
    Array.from({ length: 30 }, (_, at) => fixture.created({}, [bytesOf(`chunk of ${at}`)])),
  )
  await Promise.all(
    heads.map((head, at) =>
      store
        .addChunk(head.id, 1, bytesOf(`more of ${at}`))
        .then(() => store.put(fixture.next(head, { state: 'sealed', mutations: at }))),
    ),
  )
  for (const [at, { id }] of heads.entries()) {
    const { state, mutations } = (await store.get(id)) ?? {}
    checkEqual({ state, mutations }, { state: 'sealed', mutations: at }, contract)
    checkEqual(await store.chunk(id, 0), bytesOf(`chunk of ${at}`), contract)
    checkEqual(await store.chunk(id, 1), bytesOf(`more of ${at}`), contract)
  }
}

async function closes(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const head = await fixture.created()
  await store.close()
  await store.close()
  const contract = 'A TransactionStore that is closed refuses with ERR_CLOSED'
  await checkRefusal(store.create(fixture.head(), []), contract, 'ERR_CLOSED')
  await checkRefusal(store.get(head.id), contract, 'ERR_CLOSED')
}

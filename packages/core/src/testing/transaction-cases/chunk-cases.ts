import { checkEqual, checkRefusal } from '../check.ts'
import { bytesOf, type TransactionCase, type TransactionFixture } from './transaction-fixture.ts'

/** What a store does with chunks. */
export const chunkCases: readonly TransactionCase[] = [
  { name: 'gives chunks exactly as they were stored', run: keepsChunks },
  { name: 'stores the chunks of a new transaction with it', run: keepsFirstChunks },
  { name: 'has no chunk that was not stored', run: hasNoOther },
  { name: 'keeps the chunks of transactions apart', run: keepsApart },
  { name: 'takes the same chunk twice', run: takesTwice },
  { name: 'takes no chunk once a transaction is not open', run: refusesLate },
  { name: 'keeps chunks until the transaction has ended', run: keepsThroughLife },
  { name: 'changes nothing of the chunks where it does not create', run: createChangesNothing },
]

const exact = 'TransactionStore.chunk gives the bytes exactly as they were stored'

async function keepsChunks(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const { id } = await fixture.created()
  const large = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 31) >> 3)
  const chunks = [Uint8Array.of(0, 255, 10), large, large.subarray(7, 9)]
  for (const [index, bytes] of chunks.entries()) await store.addChunk(id, index, bytes)
  for (const [index, bytes] of chunks.entries()) {
    checkEqual(await store.chunk(id, index), bytes, exact)
  }
  const reused = Uint8Array.of(1, 2, 3)
  await store.addChunk(id, 3, reused)
  reused.fill(9)
  const contract = 'Once TransactionStore.addChunk has resolved, its bytes may be used again'
  checkEqual(await store.chunk(id, 3), Uint8Array.of(1, 2, 3), contract)
}

async function keepsFirstChunks(fixture: TransactionFixture): Promise<void> {
  const chunks = [bytesOf('first'), bytesOf('second')]
  const { id } = await fixture.created({ state: 'sealed', chunks: 2 }, chunks)
  for (const [index, bytes] of chunks.entries()) {
    checkEqual(await fixture.store.chunk(id, index), bytes, exact)
  }
}

async function hasNoOther(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.chunk answers undefined for a chunk that was not stored'
  const { id } = await fixture.created({}, [bytesOf('first')])
  checkEqual(await fixture.store.chunk(id, 1), undefined, contract)
  checkEqual(await fixture.store.chunk(fixture.head().id, 0), undefined, contract)
}

async function keepsApart(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const one = await fixture.created()
  const other = await fixture.created()
  await store.addChunk(one.id, 0, bytesOf('of one'))
  await store.addChunk(other.id, 0, bytesOf('of the other'))
  checkEqual(await store.chunk(one.id, 0), bytesOf('of one'), exact)
  checkEqual(await store.chunk(other.id, 0), bytesOf('of the other'), exact)
}

async function takesTwice(fixture: TransactionFixture): Promise<void> {
  const { id } = await fixture.created()
  await fixture.store.addChunk(id, 0, bytesOf('once'))
  await fixture.store.addChunk(id, 0, bytesOf('once'))
  const contract = 'Storing the same chunk again changes nothing'
  checkEqual(await fixture.store.chunk(id, 0), bytesOf('once'), contract)
}

async function refusesLate(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const contract =
    'TransactionStore.addChunk rejects with ERR_TRANSACTION_NOT_OPEN unless the transaction is open'
  const head = await fixture.created({}, [bytesOf('first')])
  await store.put(fixture.next(head, { state: 'sealed', chunks: 1 }))
  const code = 'ERR_TRANSACTION_NOT_OPEN'
  await checkRefusal(store.addChunk(head.id, 1, bytesOf('late')), contract, code)
  checkEqual(await store.chunk(head.id, 1), undefined, contract)
  await checkRefusal(store.addChunk(fixture.head().id, 0, bytesOf('of none')), contract, code)
}

async function keepsThroughLife(fixture: TransactionFixture): Promise<void> {
  const { store } = fixture
  const contract = 'A store keeps the chunks until the head is applied or discarded'
  let head = await fixture.created({}, [bytesOf('kept')])
  for (const state of ['sealed', 'applying', 'parked', 'applying'] as const) {
    head = fixture.next(head, { state, chunks: 1 })
    await store.put(head)
    checkEqual(await store.chunk(head.id, 0), bytesOf('kept'), contract)
  }
}

async function createChangesNothing(fixture: TransactionFixture): Promise<void> {
  const contract = 'TransactionStore.create changes no chunk of an id that it has'
  const head = await fixture.created({}, [bytesOf('kept')])
  await fixture.store.create(head, [bytesOf('other'), bytesOf('more')])
  checkEqual(await fixture.store.chunk(head.id, 0), bytesOf('kept'), contract)
  checkEqual(await fixture.store.chunk(head.id, 1), undefined, contract)
}

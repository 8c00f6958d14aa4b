import type { WalRecord } from '../../record.ts'
import { brief, check, checkEqual } from '../check.ts'
import { stateOf, type TargetCase, type TargetFixture, type TargetStore } from './target-fixture.ts'

/** One outcome per record, and a true one. */
export const outcomeCases: readonly TargetCase[] = [
  { name: 'answers one outcome per record of a batch', run: answersPerRecord },
  { name: 'applies the largest batch it declares', run: appliesLargestBatch },
  { name: 'fails the record that it refuses, and no other of its batch', run: failsTheRefused },
  {
    name: 'applies several records of a key in one batch in order if it declares so',
    run: appliesInOrder,
  },
  { name: 'declares ops that there are', run: declaresOps },
  { name: 'refuses patches where it declares to take none', run: refusesPatches },
]

function answersPerRecord(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const records = batchOf(fixture, store, 10)
    await store.apply(...records)
    await checkAllHeld(store, records)
  })
}

function appliesLargestBatch(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const records = batchOf(fixture, store, 500)
    await store.apply(...records)
    await checkAllHeld(store, records)
  })
}

function failsTheRefused(fixture: TargetFixture): Promise<void> {
  const { refused } = fixture.options
  // A store that refuses nothing has to take everything.
  if (!refused) return answersPerRecord(fixture)
  return fixture.withStore(async (store) => {
    const bad = fixture.change('put', 'bad', 0, { op: 'put', payload: refused('bad') })
    const room = (store.target.largestBatch?.maxRecords ?? 4) - 1
    const good = batchOf(fixture, store, 3).slice(0, room)
    const batch = [...good.slice(0, 1), bad, ...good.slice(1)]
    const outcomes = await store.applyOnce(batch).catch(() => undefined)
    // A rejection is for the batch as a whole: core then tries its halves, down to one record.
    if (!outcomes) for (const record of good) await store.apply(record)
    const verdict = outcomes?.[batch.indexOf(bad)] ?? (await refusalOf(store, bad))
    check(
      verdict.status === 'permanent',
      "A record that can never be applied is answered 'permanent', so that it is dead-lettered",
      brief(verdict),
    )
    for (const [at, record] of batch.entries()) {
      const failed = outcomes !== undefined && outcomes[at]?.status !== 'applied' && record !== bad
      check(!failed, 'One bad record of a batch does not fail the others', brief(outcomes))
    }
    await checkAllHeld(store, good)
    await store.checkHolds('bad', undefined, 'A record answered with a failure has changed nothing')
  })
}

/** What it says of the record alone; a rejection counts as its verdict if it is for good. */
async function refusalOf(
  store: TargetStore,
  record: WalRecord,
): Promise<{ readonly status: string }> {
  try {
    const [outcome] = await store.applyOnce([record])
    return outcome ?? { status: 'none' }
  } catch (error) {
    const code = (error as { readonly code?: unknown }).code
    return { status: code === 'ERR_PERMANENT' ? 'permanent' : `rejected with ${brief(error)}` }
  }
}

function appliesInOrder(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const ops = (['put', 'patch', 'put', 'delete', 'put', 'patch'] as const).filter((op) =>
      store.takes(op),
    )
    const records = ops.map((op, at) => fixture.change(op, 'a', at))
    const most = store.target.appliesInOrder ? (store.target.largestBatch?.maxRecords ?? 6) : 1
    for (let at = 0; at < records.length; at += most)
      await store.apply(...records.slice(at, at + most))
    await store.checkHolds(
      'a',
      stateOf(records),
      'With appliesInOrder a batch is applied in its order',
    )
  })
}

function declaresOps(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async ({ target }) => {
    const known = ['put', 'patch', 'delete']
    const ops = target.ops ?? known
    checkEqual([...new Set(ops)].length, ops.length, 'Target.ops names each op once')
    check(
      ops.length > 0 && ops.every((op) => known.includes(op)),
      'Target.ops names ops',
      brief(ops),
    )
    const sane = ['version', 'id', 'none'].includes(target.idempotency)
    check(sane, "Target.idempotency is 'version', 'id' or 'none'", brief(target.idempotency))
  })
}

/** Such a write is refused before it is stored; what was stored before the target said so comes to it. */
function refusesPatches(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    if (store.takes('patch') || fixture.options.patch === undefined) return
    const put = fixture.change('put', 'a', 1)
    await store.apply(put)
    const verdict = await refusalOf(store, fixture.change('patch', 'a', 2))
    const contract = "A patch, of which the target says that it takes none, is answered 'permanent'"
    check(verdict.status === 'permanent', contract, brief(verdict))
    await store.checkHolds('a', put.payload, 'A patch that is refused changes nothing')
  })
}

/** Puts of as many keys, as far as the target's largest batch goes. */
function batchOf(fixture: TargetFixture, store: TargetStore, count: number): readonly WalRecord[] {
  const most = Math.min(count, store.target.largestBatch?.maxRecords ?? count)
  return Array.from({ length: most }, (_, at) => fixture.change('put', `key ${at}`, at))
}

async function checkAllHeld(store: TargetStore, records: readonly WalRecord[]): Promise<void> {
  for (const { key = '', payload } of records) {
    await store.checkHolds(key, payload, "A record answered 'applied' is in the store")
  }
}

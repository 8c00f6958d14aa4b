import type { WalRecord } from '../../record.ts'
import type { Outcome } from '../../target/target.ts'
import { brief, check } from '../check.ts'
import { stateOf, type TargetCase, type TargetFixture, type TargetStore } from './target-fixture.ts'

/** Redelivery and disorder, one step at a time. */
export const repeatCases: readonly TargetCase[] = [
  { name: 'changes nothing when a record is applied twice', run: appliesTwice },
  { name: 'changes nothing when an older change comes after a newer one', run: ignoresOlder },
  {
    name: 'does not bring back what was deleted when an older change comes late',
    run: staysDeleted,
  },
  { name: 'takes a newer put after a delete', run: risesAgain },
  { name: 'tells versions apart that a double cannot', run: tellsVersionsApart },
  { name: 'takes the highest version there is', run: takesHighestVersion },
]

const olderChangesNothing = "With idempotency 'version' an older change changes nothing"

function appliesTwice(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    for (const op of ['put', 'patch', 'delete'] as const) {
      if (!store.takes(op)) continue
      const changes = [fixture.change('put', op, 1), fixture.change(op, op, 2)]
      for (const change of changes) {
        await store.apply(change)
        if (store.target.idempotency !== 'none') checkNoFailure(await store.apply(change))
      }
      await store.checkHolds(op, stateOf(changes), `A ${op} applied twice is as if applied once`)
    }
  })
}

function ignoresOlder(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const [older, newer] = [fixture.change('put', 'a', 1), fixture.change('put', 'a', 2)]
    await inOrder(store, older, newer)
    if (store.target.idempotency === 'version') checkNoFailure(await store.apply(older))
    await store.checkHolds('a', newer.payload, olderChangesNothing)
  })
}

function staysDeleted(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    if (!store.takes('delete')) return
    const [put, gone] = [fixture.change('put', 'a', 1), fixture.change('delete', 'a', 2)]
    await inOrder(store, put, gone)
    if (store.target.idempotency === 'version') checkNoFailure(await store.apply(put))
    await store.checkHolds('a', undefined, `${olderChangesNothing}, a delete included`)
  })
}

function risesAgain(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const put = fixture.change('put', 'a', 1)
    const changes = store.takes('delete') ? [put, fixture.change('delete', 'a', 2)] : [put]
    const again = fixture.change('put', 'a', 3)
    for (const change of [...changes, again]) await store.apply(change)
    await store.checkHolds('a', again.payload, 'A put newer than a delete is stored')
  })
}

function tellsVersionsApart(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const version = fixture.highVersion
    const older = fixture.change('put', 'a', 1, { version })
    const newer = fixture.change('put', 'a', 2, { version: version + 1n })
    await store.apply(older)
    await store.apply(newer)
    await store.checkHolds(
      'a',
      newer.payload,
      'A version one higher is newer: versions are whole int64s',
    )
    if (store.target.idempotency === 'version') checkNoFailure(await store.apply(older))
    await store.checkHolds(
      'a',
      newer.payload,
      'A version one lower is older: versions are whole int64s',
    )
  })
}

function takesHighestVersion(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const { highestVersion } = fixture
    const older = fixture.change('put', 'a', 1, { version: highestVersion - 1n })
    const newer = fixture.change('put', 'a', 2, { version: highestVersion })
    await inOrder(store, older, newer)
    if (store.target.idempotency === 'version') checkNoFailure(await store.apply(older))
    await store.checkHolds('a', newer.payload, `Versions go up to ${highestVersion}`)
  })
}

/** The newer one first where versions decide, in their order elsewhere. */
async function inOrder(store: TargetStore, older: WalRecord, newer: WalRecord): Promise<void> {
  if (store.target.idempotency !== 'version') await store.apply(older)
  await store.apply(newer)
}

function checkNoFailure(outcomes: readonly Outcome[]): void {
  check(
    outcomes.every(({ status }) => status === 'applied' || status === 'superseded'),
    'A change that is applied already, or superseded, is no failure',
    brief(outcomes),
  )
}

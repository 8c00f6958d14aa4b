import { checkEqual } from '../check.ts'
import { stateOf, type TargetCase, type TargetFixture } from './target-fixture.ts'

/** Each op does what it says. */
export const applyCases: readonly TargetCase[] = [
  { name: 'stores what is put', run: puts },
  { name: 'replaces the whole row by a put', run: replaces },
  { name: 'sets the named fields by a patch and leaves the others', run: patches },
  { name: 'removes the row by a delete', run: deletes },
  { name: 'takes keys of any letters, and keeps them apart', run: takesKeys },
  { name: 'does not change the records it is given', run: leavesRecordsAlone },
  { name: 'applies batches of different keys at once', run: appliesAtOnce },
]

function puts(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const record = fixture.change('put', 'a', 1)
    await store.checkHolds('a', undefined, 'A store is empty at first')
    await store.apply(record)
    await store.checkHolds('a', record.payload, 'A put is stored whole')
    await store.checkHolds('b', undefined, 'A put of one key leaves the others alone')
  })
}

function replaces(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    await store.apply(fixture.change('put', 'a', 1))
    if (store.takes('patch')) await store.apply(fixture.change('patch', 'a', 2))
    const record = fixture.change('put', 'a', 3)
    await store.apply(record)
    await store.checkHolds('a', record.payload, 'A put replaces the whole row')
  })
}

function patches(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const changes = [fixture.change('put', 'a', 1)]
    if (store.takes('patch'))
      changes.push(fixture.change('patch', 'a', 2), fixture.change('patch', 'a', 3))
    for (const change of changes) await store.apply(change)
    await store.checkHolds(
      'a',
      stateOf(changes),
      'A patch sets the fields it names and leaves the others',
    )
  })
}

function deletes(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    await store.apply(fixture.change('put', 'a', 1), fixture.change('put', 'b', 2))
    const b = await store.subject.read('b')
    if (!store.takes('delete')) return
    await store.apply(fixture.change('delete', 'a', 3))
    await store.checkHolds('a', undefined, 'A delete removes the row')
    await store.checkHolds('b', b, 'A delete of one key leaves the others alone')
    await store.apply(fixture.change('delete', 'never there', 4))
    await store.checkHolds('never there', undefined, 'A delete of what is not there is no failure')
  })
}

function takesKeys(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const records = fixture.keys.map((key, at) => fixture.change('put', key, at))
    for (const record of records) await store.apply(record)
    for (const { key = '', payload } of records) {
      await store.checkHolds(key, payload, 'Any key can be stored, and each is apart')
    }
  })
}

function leavesRecordsAlone(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const records = ['a', 'b', 'c'].map((key, at) => fixture.change('put', key, at))
    if (store.takes('delete')) records.push(fixture.change('delete', 'd', 9))
    const before = structuredClone(records)
    await store.apply(...records)
    checkEqual(
      records,
      before,
      'A target does not change its records: they are applied again on a retry',
    )
  })
}

function appliesAtOnce(fixture: TargetFixture): Promise<void> {
  return fixture.withStore(async (store) => {
    const batches = Array.from({ length: 8 }, (_, batch) =>
      ['x', 'y', 'z'].map((name, at) => fixture.change('put', `${name}${batch}`, batch * 3 + at)),
    )
    const perBatch = Math.min(3, store.target.largestBatch?.maxRecords ?? 3)
    const outcomes = await Promise.all(
      batches.map((batch) => store.apply(...batch.slice(0, perBatch))),
    )
    checkEqual(outcomes.length, batches.length, 'Target.apply may be called several times at once')
    for (const { key = '', payload } of batches.flatMap((batch) => batch.slice(0, perBatch))) {
      await store.checkHolds(key, payload, 'Target.apply may be called several times at once')
    }
  })
}

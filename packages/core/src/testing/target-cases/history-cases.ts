import type { Op, WalRecord } from '../../record.ts'
import { check } from '../check.ts'
import { SeededRandom } from '../seeded-random.ts'
import { stateOf, type TargetCase, type TargetFixture, type TargetStore } from './target-fixture.ts'

/** Random histories of several keys, delivered as a log may deliver them. */
export const historyCases: readonly TargetCase[] = [
  { name: 'ends in the state of the versions after redelivery in order', run: inOrderWithRepeats },
  { name: 'ends in the state of the versions in any order, with any repeats', run: inAnyOrder },
  { name: 'changes nothing by patches that come late, in any order', run: patchesInAnyOrder },
]

const keys = ['a', 'b', 'c', 'd']

function inOrderWithRepeats(fixture: TargetFixture): Promise<void> {
  return runAll(fixture, (random, records, store) =>
    store.target.idempotency === 'none' ? records : withReplays(random, records),
  )
}

function inAnyOrder(fixture: TargetFixture): Promise<void> {
  return runAll(fixture, (random, records, store) => {
    const commutes =
      fixture.options.patchesCommute === true || records.every(({ op }) => op !== 'patch')
    if (store.target.idempotency === 'version' && commutes) {
      return shuffled(random, [...records, ...records.filter(() => random.chance(0.5))])
    }
    return store.target.idempotency === 'none' ? records : withReplays(random, records)
  })
}

/**
 * Where the row has one version, and not each field its own, a patch that comes after a newer change is
 * left out whole: what is held is what the changes make that were newer than all before them.
 */
async function patchesInAnyOrder(fixture: TargetFixture): Promise<void> {
  await repeat(fixture, async (random, store) => {
    const { idempotency } = store.target
    const mayCommute = fixture.options.patchesCommute === true
    if (idempotency !== 'version' || mayCommute || !store.takes('patch')) return
    const accepted = new Map<string, WalRecord[]>(keys.map((key) => [key, []]))
    const deliveries = keys.map((key) => rowWithPatches(fixture, random, store, key))
    while (deliveries.some((left) => left.length > 0)) {
      const batch = nextBatch(random, deliveries, store)
      await store.apply(...batch)
      for (const record of batch) {
        const before = accepted.get(record.key ?? '') ?? []
        const newest = before.at(-1)?.version ?? 0n
        if (record.version > newest) before.push(record)
      }
    }
    for (const [key, records] of accepted) {
      const contract = 'A patch older than its row changes none of its fields'
      await store.checkHolds(key, stateOf(records, fixture.options.patchOfNothing), contract)
    }
  })
}

/** A row that is there first, and changes of it as they may come: some twice, deletes if it is known what a patch does after. */
function rowWithPatches(
  fixture: TargetFixture,
  random: SeededRandom,
  store: TargetStore,
  key: string,
): WalRecord[] {
  let version = fixture.highVersion
  const deletes = fixture.options.patchOfNothing !== undefined && store.takes('delete')
  const changes = Array.from({ length: random.integer(2, 6) }, (_, number) => {
    version += BigInt(random.integer(1, 5_000))
    const other = deletes && random.chance(0.3) ? 'delete' : 'patch'
    const op = number === 0 || random.chance(0.3) ? 'put' : other
    return fixture.change(op, key, number, { version })
  })
  const [first, ...rest] = changes
  const later = shuffled(random, [...rest, ...changes.filter(() => random.chance(0.5))])
  return first === undefined ? later : [first, ...later]
}

type Deliver = (
  random: SeededRandom,
  records: readonly WalRecord[],
  store: TargetStore,
) => readonly WalRecord[]

function runAll(fixture: TargetFixture, deliver: Deliver): Promise<void> {
  return repeat(fixture, (random, store) => runOne(fixture, random, store, deliver))
}

/** As many runs as are asked for, each with a store and a seed of its own. */
async function repeat(
  fixture: TargetFixture,
  run: (random: SeededRandom, store: TargetStore) => Promise<void>,
): Promise<void> {
  for (let number = 0; number < (fixture.options.runs ?? 20); number++) {
    const seed = fixture.seed + number
    try {
      await fixture.withStore((store) => run(new SeededRandom(seed), store))
    } catch (error) {
      if (error instanceof Error) error.message += `\n  seed: ${seed}`
      throw error
    }
  }
}

async function runOne(
  fixture: TargetFixture,
  random: SeededRandom,
  store: TargetStore,
  deliver: Deliver,
): Promise<void> {
  const histories = keys.map((key) => history(fixture, random, store, key))
  const deliveries = histories.map((records) => [...deliver(random, records, store)])
  const seen = new Map<string, WalRecord>()
  while (deliveries.some((left) => left.length > 0)) {
    const batch = nextBatch(random, deliveries, store)
    const outcomes = await store.apply(...batch)
    for (const [at, record] of batch.entries()) {
      checkAppliedIfNewest(record, outcomes[at]?.status, seen.get(record.key ?? ''))
      seen.set(record.key ?? '', newerOf(seen.get(record.key ?? ''), record))
    }
  }
  for (const [at, key] of keys.entries()) {
    const contract = 'After any redelivery the store holds the state of the versions'
    const state = stateOf(histories[at] ?? [], fixture.options.patchOfNothing)
    await store.checkHolds(key, state, contract)
  }
}

/** Up to six changes of a key; the gaps between versions go down to one, and past a double's reach. */
function history(
  fixture: TargetFixture,
  random: SeededRandom,
  store: TargetStore,
  key: string,
): readonly WalRecord[] {
  let version = random.chance(0.5) ? 1_763_971_200_000_000n : fixture.highVersion
  let exists = false
  return Array.from({ length: random.integer(1, 6) }, (_, number) => {
    version += random.chance(0.5) ? 1n : BigInt(random.integer(1, 5_000)) * 16n
    const op = pickOp(random, exists || fixture.options.patchOfNothing !== undefined, store)
    exists = op !== 'delete'
    return fixture.change(op, key, number, { version })
  })
}

/** What a store makes of a patch without a row is its own affair, unless the options say it. */
function pickOp(random: SeededRandom, mayPatch: boolean, store: TargetStore): Op {
  const dice = random.next()
  if (dice < 0.3 && store.takes('delete')) return 'delete'
  return dice < 0.7 && mayPatch && store.takes('patch') ? 'patch' : 'put'
}

/** In order, but from time to time some of what came already comes again, as after a restart. */
function withReplays(random: SeededRandom, records: readonly WalRecord[]): readonly WalRecord[] {
  return records.flatMap((record, at) => {
    const from = random.chance(0.4) ? random.integer(1, at + 1) - 1 : at
    return [record, ...records.slice(from, at + (random.chance(0.5) ? 1 : 0))]
  })
}

/** The next delivery of some keys: one of each, or several where the target applies in order. */
function nextBatch(
  random: SeededRandom,
  deliveries: readonly WalRecord[][],
  store: TargetStore,
): readonly WalRecord[] {
  const most = store.target.largestBatch?.maxRecords ?? Number.POSITIVE_INFINITY
  const ready = shuffled(
    random,
    deliveries.filter((left) => left.length > 0),
  )
  const chosen = ready.slice(0, Math.min(random.integer(1, keys.length), most))
  if (store.target.appliesInOrder && chosen.length < most) chosen.push(...chosen.slice(0, 1))
  return chosen.flatMap((left) => left.shift() ?? [])
}

function checkAppliedIfNewest(
  record: WalRecord,
  status: string | undefined,
  newest: WalRecord | undefined,
): void {
  if (newest !== undefined && newest.version >= record.version) return
  const contract = "A change newer than all the target has seen of its key is 'applied'"
  check(status === 'applied', contract, `${status} for version ${record.version}`)
}

function newerOf(a: WalRecord | undefined, b: WalRecord): WalRecord {
  return a === undefined || b.version > a.version ? b : a
}

function shuffled<T>(random: SeededRandom, items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, rank: random.next() }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}

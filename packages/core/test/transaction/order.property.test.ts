import { describe, expect, it } from 'vitest'
import {
  applied,
  createWal,
  defineTarget,
  memoryQueue,
  multiPartitionMutation,
  type Namespace,
  type Outcome,
  transient,
  type WalRecord,
} from '../../src/index.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)
const keys = ['a', 'b', 'c', 'd', 'e']

/** A target that takes its time, fails now and then, and sees whether a key is applied twice at once. */
function watchedTarget(random: SeededRandom, appliesInOrder: boolean) {
  const busy = new Set<string>()
  const twiceAtOnce: string[] = []
  const given: WalRecord<number>[] = []
  const target = defineTarget<number>(
    async (records): Promise<readonly Outcome[]> => {
      const mine = new Set(records.map(({ key = '' }) => key))
      for (const key of mine) if (busy.has(key)) twiceAtOnce.push(key)
      for (const key of mine) busy.add(key)
      if (random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve))
      for (const key of mine) busy.delete(key)
      let failed = false
      return records.map((record) => {
        failed ||= random.chance(0.1)
        if (failed) return transient('BUSY', 'later')
        given.push(record)
        return applied
      })
    },
    { idempotency: 'version', appliesInOrder },
  )
  return { target, given, twiceAtOnce }
}

/** Those whose number or version is not above that of the one before. */
function disorderIn(records: readonly WalRecord<number>[]): readonly WalRecord<number>[] {
  const numberOf = (record: WalRecord<number>) => (record.op === 'put' ? record.payload : -1)
  return records.filter((record, at) => {
    const before = records[at - 1]
    if (before === undefined) return false
    return numberOf(record) <= numberOf(before) || record.version <= before.version
  })
}

/** Writes and transactions; answers how many changes each key got. */
async function writeAtRandom(
  rows: Namespace<number, 'base', number, 'key'>,
  random: SeededRandom,
): Promise<ReadonlyMap<string, number>> {
  const expected = new Map<string, number>()
  let number = 0
  for (let call = 0; call < 60; call++) {
    const count = random.chance(0.5) ? 1 : random.integer(2, 6)
    const chosen = Array.from({ length: count }, () => random.pick(keys))
    if (count === 1) await rows.write({ key: chosen[0] ?? '', payload: number++ })
    else {
      await rows.transaction((tx) =>
        Promise.all(chosen.map((key) => tx.put('base', { key, payload: number++ }))),
      )
    }
    for (const key of chosen) expected.set(key, (expected.get(key) ?? 0) + 1)
  }
  return expected
}

describe('transactions among plain writes of the same keys', () => {
  it.each([false, true])(
    'keep the order of every key, and never wait for each other in a circle (in batches: %s)',
    async (appliesInOrder) => {
      for (let round = 0; round < 15; round++) {
        const random = new SeededRandom(seed + round)
        const { target, given, twiceAtOnce } = watchedTarget(random, appliesInOrder)
        const wal = await createWal({
          namespaces: {
            rows: multiPartitionMutation<number, 'base'>({
              queue: memoryQueue(),
              targets: { base: target },
              retry: { maxAttempts: 1000, minDelay: 0, maxDelay: 1 },
              breaker: { failures: 100_000 },
              batch: { maxRecords: random.integer(1, 5) },
              concurrency: random.integer(1, 4),
              limits: { heldRecords: random.integer(5, 100) },
            }),
          },
        })
        const rows = wal.namespace('rows')
        if (random.chance(0.5)) await wal.start()
        const expected = await writeAtRandom(rows, random)
        const isStarted = (await wal.status()).started
        if (!isStarted) await wal.start()
        await wal.drain({ timeout: '20s' })
        for (const key of keys) {
          const ofKey = given.filter((record) => record.key === key)
          expect(ofKey.length, `round ${round}, ${key}`).toBe(expected.get(key) ?? 0)
          expect(disorderIn(ofKey), `round ${round}, ${key}`).toEqual([])
        }
        expect(twiceAtOnce).toEqual([])
        await wal.close()
      }
    },
  )
})

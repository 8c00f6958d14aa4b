import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { type } from '../../src/config/payload-type.ts'
import { multiPartitionMutation } from '../../src/persona/multi-partition-mutation.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { WalRecord } from '../../src/record.ts'
import { fetchingTarget } from '../../src/target/fetching-target.ts'
import { applied, type Target, unavailable } from '../../src/target/target.ts'
import { makeRecord, SeededRandom } from '../../src/testing/index.ts'
import { createWal } from '../../src/wal.ts'
import { applyTo } from '../testing/apply-to.ts'
import { type Row, VersionedStore } from '../testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

/** A source of rows that tells what was asked of it, and the store that is filled from it. */
function setUp(rows: Record<string, Row> = {}) {
  const store = new VersionedStore()
  const asked: (readonly string[])[] = []
  const applies: (readonly WalRecord<Row>[])[] = []
  const watched: Target<Row> = {
    idempotency: 'version',
    apply: async (records) => {
      applies.push(records)
      return store.apply(records)
    },
  }
  const source = new Map(Object.entries(rows))
  const target = fetchingTarget(watched, async (keys) => {
    asked.push(keys)
    return new Map(keys.flatMap((key) => (source.has(key) ? [[key, source.get(key) as Row]] : [])))
  })
  return { store, asked, applies, source, target }
}

const change = (op: 'put' | 'patch' | 'delete', key: string, version: bigint) =>
  makeRecord({ op, key, version, payload: undefined } as Partial<WalRecord>)

describe('fetchingTarget', () => {
  it('puts what the source has, for a key that comes alone', async () => {
    const { store, target } = setUp({ a: { title: 'Notorious' } })
    await expect(applyTo(target, change('put', 'a', 1n))).resolves.toEqual([applied])
    await expect(store.read('a')).resolves.toEqual({ title: 'Notorious' })
  })

  it('makes one fetch and one put of several records of a key, with the newest version', async () => {
    const { applies, asked, target } = setUp({ a: { year: 1946 }, b: { year: 1958 } })
    const records = [
      change('put', 'a', 1n),
      change('put', 'b', 2n),
      change('patch', 'a', 4n),
      change('put', 'a', 3n),
    ]
    await expect(applyTo(target, ...records)).resolves.toEqual(records.map(() => applied))
    expect(asked).toEqual([['a', 'b']])
    expect(applies).toEqual([
      [
        { ...records[2], op: 'put', payload: { year: 1946 } },
        { ...records[1], op: 'put', payload: { year: 1958 } },
      ],
    ])
  })

  it('fetches nothing for a delete', async () => {
    const { applies, asked, target } = setUp({ a: { year: 1946 } })
    await applyTo(target, change('put', 'a', 1n), change('delete', 'a', 2n))
    expect(asked).toEqual([])
    expect(applies).toEqual([[expect.objectContaining({ op: 'delete', version: 2n })]])
  })

  it('removes what the source does not have any more', async () => {
    const { source, store, target } = setUp({ a: { year: 1946 } })
    await applyTo(target, change('put', 'a', 1n))
    source.clear()
    await applyTo(target, change('put', 'a', 2n))
    await expect(store.read('a')).resolves.toBeUndefined()
  })

  it('answers for all records of a key what became of the newest', async () => {
    const down = unavailable('down', 'It is down.')
    const target = fetchingTarget<Row>(
      { idempotency: 'version', apply: async (records) => records.map(() => down) },
      async () => new Map(),
    )
    const records = [change('put', 'a', 1n), change('put', 'a', 2n), change('put', 'b', 3n)]
    await expect(applyTo(target, ...records)).resolves.toEqual([down, down, down])
  })

  it('fails a record without a key for good, and no other', async () => {
    const { target } = setUp({ a: {} })
    const bare = makeRecord({ key: undefined, payload: undefined })
    const outcomes = await applyTo(target, bare, change('put', 'a', 1n))
    expect(outcomes?.map(({ status }) => status)).toEqual(['permanent', 'applied'])
    expect(target.validate?.(bare)).toMatch(/needs a key/)
    await expect(applyTo(target, bare)).resolves.toEqual([outcomes?.[0]])
  })

  it('lets the failure of a source through, so that it is taken as what it is', async () => {
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
    const target = fetchingTarget<Row>(new VersionedStore(), () => Promise.reject(refused))
    await expect(applyTo(target, change('put', 'a', 1n))).rejects.toBe(refused)
  })

  it.each([
    ['no guard by version', { idempotency: 'id', apply: async () => {} }, async () => new Map()],
    [
      'no deletes',
      { idempotency: 'version', ops: ['put'], apply: async () => {} },
      async () => new Map(),
    ],
    ['nothing to fetch with', { idempotency: 'version', apply: async () => {} }, undefined],
  ])('refuses a target with %s', (_, target, fetch) => {
    expect(() => fetchingTarget(target as Target<Row>, fetch as never)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG' }),
    )
  })

  it('is told which attempt of the newest record of a key it is, and hides no outcome that is missing', async () => {
    const told: (readonly number[])[] = []
    const careless: Target<Row> = {
      idempotency: 'version',
      apply: async (_, { attempts }) => {
        told.push(attempts)
        return [applied]
      },
    }
    const target = fetchingTarget(careless, async () => new Map())
    const records = [change('put', 'a', 1n), change('put', 'a', 2n), change('put', 'b', 3n)]
    const { signal } = new AbortController()
    const context = { namespace: 'films', target: 'cache', signal, attempts: [5, 6, 7] }
    expect(await target.apply(records, context)).toEqual([applied, applied, undefined])
    expect(told).toEqual([[6, 7]])
  })

  it('is in all else what its target is', async () => {
    const calls: string[] = []
    const called = (name: string) => async () => void calls.push(name)
    const { signal } = new AbortController()
    const target = fetchingTarget<Row>(
      {
        ...{ idempotency: 'version', largestBatch: { maxRecords: 7 }, apply: async () => {} },
        ...{ health: called('health'), open: called('open'), close: called('close') },
        read: async (key) => `row of ${key}`,
        validate: ({ key, op }) => `no ${op} of ${key}`,
      },
      async (_, { signal: passedOn }) => {
        expect(passedOn).toBe(signal)
        return new Map()
      },
    )
    expect(target.largestBatch).toEqual({ maxRecords: 7 })
    await target.open?.()
    await target.health?.({ signal })
    await target.close?.()
    expect(calls).toEqual(['open', 'health', 'close'])
    expect(await target.read?.('a', { signal })).toBe('row of a')
    expect(target.validate?.(change('put', 'a', 1n))).toBe('no delete of a')
    const context = { namespace: 'films', target: 'cache', signal, attempts: [1] }
    expect(await target.apply([change('put', 'a', 1n)], context)).toEqual([applied])
  })

  it('is given all that waits of a key at once, which is one fetch', async () => {
    const { asked, source, target } = setUp({ a: { year: 1946 }, b: { year: 1958 } })
    const films = { payload: type<null>(), queue: memoryQueue(), targets: { cache: target } }
    const wal = await createWal({ namespaces: { films } })
    for (const key of ['a', 'b', 'a', 'a']) await wal.write('films', { key, payload: null })
    source.set('a', { year: 1947 })
    await wal.start()
    await wal.drain()
    await wal.close()
    expect(asked).toEqual([['a', 'b']])
  })

  it('ends with the present value, however long lies between a fetch and its put', async () => {
    for (let run = 0; run < 200; run++) {
      await expect(endOf(new SeededRandom(seed + run), 1n), `seed ${seed + run}`).resolves.toBe(
        true,
      )
    }
  })

  it('would not without the guard: the check of the case above finds a stale value', async () => {
    const runs = Array.from({ length: 50 }, (_, run) => endOf(new SeededRandom(seed + run), 0n))
    expect(await Promise.all(runs)).toContain(false)
  })
})

describe('fetchingTarget behind two producers whose clocks differ', () => {
  /** What the store has of a row that both have changed, and what the source has. */
  async function ends(follow: (seen: bigint) => { readonly after?: bigint }) {
    const { source, store, target } = setUp()
    const producer = (aheadMs: number) =>
      createWal({
        clock: { ...systemClock, now: () => systemClock.now() + aheadMs },
        namespaces: { films: { payload: type<null>(), queue: memoryQueue(), targets: { target } } },
      })
    const [fast, slow] = [await producer(5000), await producer(0)]
    for (const wal of [fast, slow]) await wal.start()
    const write = async (wal: typeof fast, row: Row, fields: { readonly after?: bigint } = {}) => {
      source.set('a', { ...source.get('a'), ...row })
      const receipt = await wal.namespace('films').write({ key: 'a', payload: null, ...fields })
      await wal.drain()
      return receipt
    }
    const { version } = await write(fast, { title: 'Notorious' })
    await write(slow, { year: 1946 }, follow(version))
    await Promise.all([fast, slow].map((wal) => wal.close()))
    return { held: await store.read('a'), present: source.get('a') }
  }

  it('ends with the present value where each write passes the version it follows', async () => {
    const { held, present } = await ends((after) => ({ after }))
    expect(present).toEqual({ title: 'Notorious', year: 1946 })
    expect(held).toEqual(present)
  })

  it('lacks the later change where its record got the lower version, as the page says', async () => {
    const { held } = await ends(() => ({}))
    expect(held).toEqual({ title: 'Notorious' })
  })
})

/**
 * Several processes apply the records of one key at once, each fetching at one moment and putting at
 * another. True if the store ends with the row that the source has. `guard` 0 takes away the versions.
 */
async function endOf(random: SeededRandom, guard: bigint): Promise<boolean> {
  const store = new VersionedStore()
  let present = 0
  const gates: (() => void)[] = []
  const gate = (): Promise<void> => new Promise((resolve) => gates.push(resolve))
  let last = 0n
  const slow: Target<Row> = {
    idempotency: 'version',
    apply: async (records) => {
      await gate()
      return store.apply(
        records.map((record) => ({ ...record, version: guard ? record.version : ++last })),
      )
    },
  }
  const target = fetchingTarget(slow, async () => {
    await gate()
    return new Map([['a', { year: present }]])
  })
  const applies: Promise<unknown>[] = []
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  for (let step = 0; step < 30; step++) {
    if (step < 20 && random.chance(0.4)) {
      present++
      applies.push(applyTo(target, change('put', 'a', BigInt(present))))
    } else gates.splice(random.integer(0, Math.max(0, gates.length - 1)), 1)[0]?.()
    await settle()
  }
  while (gates.length > 0) {
    gates.splice(random.integer(0, gates.length - 1), 1)[0]?.()
    await settle()
  }
  await Promise.all(applies)
  return ((await store.read('a'))?.year ?? 0) === present
}

describe('a transaction at a target that fetches', () => {
  it('is applied in sequence, though the store applies different keys of a batch side by side', async () => {
    const { applies, target } = setUp({ a: { year: 1 }, b: { year: 2 }, c: { year: 3 } })
    const wal = await createWal({
      namespaces: {
        rows: multiPartitionMutation({ queue: memoryQueue(), targets: { cache: target } }),
      },
    })
    await wal.start()
    const rows = wal.namespace('rows')
    await rows.transaction(async (tx) => {
      for (const key of ['c', 'a', 'b']) await tx.put('cache', { key, payload: {} })
    })
    await wal.drain()
    expect(applies.map((records) => records.map(({ key }) => key))).toEqual([['c'], ['a'], ['b']])
    await wal.close()
  })
})

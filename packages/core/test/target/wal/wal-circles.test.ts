import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type } from '../../../src/config/payload-type.ts'
import type { Receipt } from '../../../src/producer/receipt.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { ForwardedRecord } from '../../../src/record.ts'
import type { Target } from '../../../src/target/target.ts'
import { walTarget } from '../../../src/target/wal/wal-target.ts'
import { createWal } from '../../../src/wal.ts'
import type { Row } from '../../testing/versioned-store.ts'
import { filmsWal } from '../support/films-wal.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

type Films = Awaited<ReturnType<typeof filmsWal>>
type Way = (records: readonly ForwardedRecord<Row>[], to: Films) => Promise<readonly Receipt[]>
const straight: Way = (records, to) => to.films.forward(records)

/** Wals of films that forward to one another: from each region to those named. */
async function network(
  paths: Readonly<Record<string, readonly string[]>>,
  { way = straight, origins = false, regionOf = (name: string) => name } = {},
) {
  const wals = new Map<string, Films>()
  const reach = (name: string): Films => {
    const found = wals.get(name)
    if (found === undefined) throw new Error(`${name} is not open`)
    return found
  }
  for (const [number, [name, peers]] of Object.entries(paths).entries()) {
    const targets = Object.fromEntries(
      peers.map((peer) => [
        `to-${peer}`,
        walTarget<Row>({
          forward: (records) => way(records, reach(peer)),
          ...(origins && { origins: [regionOf(name)] }),
        }),
      ]),
    )
    wals.set(name, await filmsWal({ region: { name: regionOf(name), number }, targets }))
  }
  return {
    reach,
    all: () => [...wals.values()],
    /** Until nothing is under way anywhere: a drain of one may bring records to another. */
    quiet: async () => {
      for (let round = 0; round <= wals.size; round++) {
        for (const { wal } of wals.values()) await wal.drain()
      }
    },
    close: () => Promise.all([...wals.values()].map(({ wal }) => wal.close())),
  }
}

describe('wals that forward to each other', () => {
  for (const [what, regionOf] of [
    ['in two regions', (name: string) => name],
    ['in one region', () => 'local'],
  ] as const) {
    it(`take each record once, ${what}`, async () => {
      const { reach, quiet, close } = await network({ eu: ['us'], us: ['eu'] }, { regionOf })
      const { id } = await reach('eu').films.write({ key: 'a', payload: { title: 'Rope' } })
      const { id: other } = await reach('us').films.write({ key: 'b', payload: { title: 'Topaz' } })
      await quiet()
      expect([...reach('eu').store.came].sort()).toEqual([id, other].sort())
      expect([...reach('us').store.came].sort()).toEqual([id, other].sort())
      await close()
    })
  }

  it('take each record once in a ring of three', async () => {
    const { reach, all, quiet, close } = await network({ eu: ['us'], us: ['asia'], asia: ['eu'] })
    const { id } = await reach('us').films.write({ key: 'a', payload: { title: 'Rope' } })
    await quiet()
    for (const { store } of all()) expect(store.came).toEqual([id])
    await close()
  })

  it('take each record once in a full mesh in which each forwards its own', async () => {
    const mesh = { eu: ['us', 'asia'], us: ['eu', 'asia'], asia: ['eu', 'us'] }
    const { reach, all, quiet, close } = await network(mesh, { origins: true })
    const ids: string[] = []
    for (const name of Object.keys(mesh)) {
      ids.push((await reach(name).films.write({ key: name, payload: { title: name } })).id)
    }
    await quiet()
    for (const { store } of all()) expect([...store.came].sort()).toEqual([...ids].sort())
    await close()
  })

  it('bring nothing back to the region in which it was written, also where its wal was opened anew', async () => {
    const [eu, us, euAgain] = [
      await filmsWal({ region: { name: 'eu' } }),
      await filmsWal({ region: { name: 'us', number: 1 } }),
      await filmsWal({ region: { name: 'eu' } }),
    ]
    const forwarded: ForwardedRecord<Row>[] = []
    const out = await filmsWal({
      region: { name: 'eu' },
      targets: {
        peer: walTarget<Row>({
          forward: async (records) => {
            forwarded.push(...records)
            return us.films.forward(records)
          },
        }),
      },
    })
    await out.films.write({ key: 'a', payload: { title: 'Rope' } })
    await out.wal.drain()
    const [left] = forwarded
    const passedOn = {
      ...left,
      headers: { 'daybook-trail': `${left?.headers['daybook-trail']} us/films#1` },
    }
    expect(await euAgain.films.forward([passedOn as ForwardedRecord<Row>])).toMatchObject([
      { durable: 'yes' },
    ])
    await euAgain.wal.drain()
    expect(euAgain.store.came).toEqual([])
    await Promise.all([eu, us, euAgain, out].map(({ wal }) => wal.close()))
  })
})

describe('a record that has left its region', () => {
  it('is stored where it comes back into another namespace, in which it never was', async () => {
    const came: string[] = []
    const shelf: Target<Row> = {
      idempotency: 'version',
      apply: async (records) => void came.push(...records.map(({ id }) => id)),
    }
    const archive = await namespaceOf('eu', 'archive', { shelf })
    const us = await filmsWal({
      region: { name: 'us', number: 1 },
      targets: { archive: walTarget<Row>({ namespace: archive.handle }) },
    })
    const films = await namespaceOf('eu', 'films', { us: walTarget<Row>({ namespace: us.films }) })
    const { id } = await films.handle.write({ key: 'a', payload: { title: 'Rope' } })
    for (const { wal } of [films, us, archive]) await wal.drain()
    expect(us.store.came).toEqual([id])
    expect(came).toEqual([id])
    await Promise.all([films, us, archive].map(({ wal }) => wal.close()))
  })
})

/** A wal of one namespace in a region. */
async function namespaceOf(region: string, name: string, targets: Record<string, Target<Row>>) {
  const namespace = { payload: type<Row>(), queue: memoryQueue(), targets }
  const wal = await createWal({ region: { name: region }, namespaces: { [name]: namespace } })
  await wal.start()
  return { wal, handle: wal.namespace(name) }
}

describe('wals that forward to each other over a way that fails', () => {
  const step = fc.record({
    at: fc.constantFrom('eu', 'us'),
    key: fc.constantFrom('a', 'b', 'c'),
    op: fc.constantFrom('put' as const, 'delete' as const),
    year: fc.integer({ min: 1, max: 9 }),
  })
  const mishap = fc.constantFrom('lost', 'unknown', 'twice', 'late', 'fine', 'fine')

  /** Whether two wals hold the state of the versions in the end, whatever was written and befell it. */
  const convergence = (wayOf: (mishaps: readonly string[]) => Way) =>
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.array(mishap, { minLength: 1, maxLength: 20 }),
      async (steps, mishaps) => {
        const { reach, quiet, close } = await network(
          { eu: ['us'], us: ['eu'] },
          { way: wayOf(mishaps) },
        )
        const newest = new Map<string, { version: bigint; row: Row | undefined }>()
        const writes = steps.map(async ({ at, key, op, year }) => {
          const change = op === 'put' ? { key, op, payload: { year } } : { key, op }
          const { version } = await reach(at).films.write(change)
          const row = op === 'put' ? { year } : undefined
          if ((newest.get(key)?.version ?? 0n) < version) newest.set(key, { version, row })
        })
        await Promise.all(writes)
        await quiet()
        const states = [...newest].map(async ([key, { row }]) => {
          expect(await reach('eu').store.read(key)).toEqual(row)
          expect(await reach('us').store.read(key)).toEqual(row)
        })
        await Promise.all(states).finally(close)
      },
    )

  it('end in the same state, that of the versions, whatever is repeated or comes late', async () => {
    await fc.assert(convergence(failing), { numRuns: 500, seed })
  }, 120_000)

  it('are found to differ where a way gives records versions of its own', async () => {
    const restamping = (): Way => (records, to) =>
      to.films.forward(records.map((each) => ({ ...each, version: each.version + 16_000_000n })))
    const { failed } = await fc.check(convergence(restamping), {
      numRuns: 500,
      seed,
      endOnFailure: true,
    })
    expect(failed).toBe(true)
  }, 120_000)

  /** A way on which records get lost, or their receipts; or come again; or later than others. */
  function failing(mishaps: readonly string[]): Way {
    const left = [...mishaps]
    const held: { records: readonly ForwardedRecord<Row>[]; to: Films }[] = []
    const unknown = (records: readonly ForwardedRecord<Row>[]) =>
      records.map(({ id, version }) => ({ id, version, durable: 'unknown' }) as const)
    return async (records, to) => {
      const kind = left.shift()
      // What came late comes before what is newer is answered for.
      if (kind !== 'late') for (const each of held.splice(0)) await straight(each.records, each.to)
      if (kind === 'late') held.push({ records, to })
      if (kind === 'late' || kind === 'lost') return unknown(records)
      if (kind === 'twice') await straight(records, to)
      const receipts = await straight(records, to)
      return kind === 'unknown' ? unknown(records) : receipts
    }
  }
})

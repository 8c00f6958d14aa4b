import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  createWal,
  crossRegionReplication,
  type DeadLetter,
  defineTarget,
  delayedQueue,
  fanOut,
  multiPartitionMutation,
  type Namespace,
  type Receipt,
  type Target,
  type,
  type WalRecord,
} from '../src/index.ts'

interface Title {
  readonly id: string
  readonly name: string
}

declare const database: Target<Title>

describe('what a wal infers from its configuration', () => {
  test('the payload reaches functions and targets written in place', () => {
    fanOut({
      payload: type<Title>(),
      targets: {
        search: async (records, { signal }) => {
          expectTypeOf(records).toEqualTypeOf<readonly WalRecord<Title>[]>()
          expectTypeOf(signal).toEqualTypeOf<AbortSignal>()
        },
        cache: {
          idempotency: 'version',
          async apply(records) {
            expectTypeOf(records).toEqualTypeOf<readonly WalRecord<Title>[]>()
          },
        },
        database,
      },
    })
    delayedQueue({
      payload: type<Title>(),
      delay: '2h',
      target: async (records) => {
        expectTypeOf(records).toEqualTypeOf<readonly WalRecord<Title>[]>()
      },
    })
  })

  test('a target defined elsewhere says its payload', () => {
    defineTarget.each<Title>(async (record) => {
      expectTypeOf(record).toEqualTypeOf<WalRecord<Title>>()
    })
  })

  test('a target of another payload does not compile', () => {
    const other = defineTarget<{ readonly price: number }>(async () => {})
    // @ts-expect-error the target takes prices
    fanOut({ payload: type<Title>(), targets: { other } })
  })

  test('handles know their payload and targets', async () => {
    const wal = await createWal({
      directory: 'd',
      shards: { media: { inFlightBytes: '64mb' } },
      namespaces: {
        titles: fanOut({ payload: type<Title>(), shard: 'media', targets: { database } }),
        cleanup: delayedQueue({
          payload: type<{ readonly stream: string }>(),
          delay: '2h',
          target: defineTarget(async () => {}),
        }),
      },
    })
    const titles = wal.namespace('titles')
    expectTypeOf(titles).toEqualTypeOf<Namespace<Title, 'database', Title, 'key'>>()
    const payload = { id: '1', name: 'Notorious' }
    expectTypeOf(titles.write({ key: '1', payload })).toEqualTypeOf<Promise<Receipt>>()
    void titles.write({ key: '1', payload, target: 'database', delay: '10m' })
    void titles.write({ key: '1', op: 'patch', payload: { name: 'x' } })
    void titles.delete({ key: '1' })
    void wal.write('cleanup', { payload: { stream: 's' } })

    void wal.namespace('cleanup').delete({})
    // @ts-expect-error under order by key a write needs one
    void titles.write({ payload })
    // @ts-expect-error and so does a delete
    void wal.delete('titles', {})
    void titles.writeMany([{ key: '1', payload }], { timeout: '1s' })
    // @ts-expect-error the wait is for all of many
    void titles.writeMany([{ key: '1', payload, timeout: '1s' }])

    // @ts-expect-error a misspelt target
    void titles.write({ key: '1', payload, target: 'databse' })
    // @ts-expect-error a misspelt namespace
    wal.namespace('tilte')
    // @ts-expect-error a payload that lacks a field
    void titles.write({ key: '1', payload: { id: '1' } })
    // @ts-expect-error a put needs a payload
    void titles.write({ key: '1' })
    // @ts-expect-error a unit that does not exist
    void titles.write({ key: '1', payload, delay: '10 minutes' })

    expectTypeOf(titles.deadLetters.get('id')).resolves.toEqualTypeOf<
      DeadLetter<Title> | undefined
    >()
    void titles.deadLetters.redrive('all', { edit: () => ({ payload: { id: '1', name: 'x' } }) })
    // @ts-expect-error an edit that is not a title
    void titles.deadLetters.redrive('all', { edit: () => ({ payload: { price: 1 } }) })

    void titles.replay({
      target: 'database',
      omit: (record) => {
        expectTypeOf(record).toEqualTypeOf<WalRecord<Title>>()
        return false
      },
    })
    // @ts-expect-error a misspelt target
    void wal.replay('titles', { target: 'databse' })
    // @ts-expect-error a replay goes to one target
    void titles.replay({})
    // @ts-expect-error an answer that is not there yet
    void titles.replay({ target: 'database', omit: async () => true })

    void titles.deadLetters.list({ target: 'database', limit: 10 })
    // @ts-expect-error a misspelt target
    void titles.deadLetters.list({ target: 'databse' })
    // @ts-expect-error a misspelt target
    void titles.deadLetters.discard({ target: 'databse' })
    // @ts-expect-error a misspelt condition
    void titles.deadLetters.discard({ taget: 'database' })

    const { namespaces } = await wal.status()
    expectTypeOf(namespaces.titles.targets.database.dead).toEqualTypeOf<number | undefined>()
    // @ts-expect-error a misspelt target
    void namespaces.titles.targets.databse

    const report = await wal.drain()
    expectTypeOf(report.titles).toHaveProperty('database')
    wal.on('deadLettered', (letter) => expectTypeOf(letter).toEqualTypeOf<DeadLetter>())
    // @ts-expect-error no such event
    wal.on('deadLetterd', () => {})
  })

  test('a schema gives the type written and the type delivered', async () => {
    const schema = z.object({ at: z.string().transform((text) => new Date(text)) })
    const wal = await createWal({
      directory: 'd',
      namespaces: {
        events: fanOut({
          payload: schema,
          targets: {
            log: async (records) => {
              expectTypeOf(records).toEqualTypeOf<readonly WalRecord<{ at: Date }>[]>()
            },
          },
        }),
      },
    })
    const events = wal.namespace('events')
    void events.write({ key: 'k', payload: { at: '2026-01-01' } })
    // @ts-expect-error written as text
    void events.write({ key: 'k', payload: { at: new Date() } })
  })

  test('a key is required by default, and optional where the order is none', async () => {
    const targets = { database }
    const payload = { id: '1', name: 'Notorious' }
    const wal = await createWal({
      directory: 'd',
      namespaces: {
        plain: { payload: type<Title>(), targets },
        unordered: fanOut({ payload: type<Title>(), order: 'none', targets }),
        ordered: delayedQueue({ payload: type<Title>(), order: 'key', delay: 1, target: database }),
        untold: fanOut({ payload: type<Title>(), order: 'key' as 'key' | 'none', targets }),
      },
    })
    // @ts-expect-error order is by key where nothing is said
    void wal.write('plain', { payload })
    // @ts-expect-error order by key was asked for
    void wal.write('ordered', { payload })
    void wal.write('unordered', { payload })
    void wal.write('untold', { payload })
    const handles: readonly Namespace<Title>[] = [
      wal.namespace('plain'),
      wal.namespace('unordered'),
      wal.namespace('ordered'),
    ]
    for (const handle of handles) void handle.write({ key: '1', payload })
  })

  test('a record tells its payload by its op', () => {
    const record = {} as WalRecord<Title>
    if (record.op === 'put') expectTypeOf(record.payload).toEqualTypeOf<Title>()
    if (record.op === 'patch') expectTypeOf(record.payload).toEqualTypeOf<Partial<Title>>()
    if (record.op === 'delete') {
      expectTypeOf(record.payload).toEqualTypeOf<Partial<Title> | undefined>()
    }
  })

  test('a misspelt option does not compile', () => {
    // @ts-expect-error a misspelt option
    fanOut({ targets: { database }, ordr: 'key' })
  })

  test('a transaction knows the targets and the payload of its namespace', async () => {
    const wal = await createWal({
      namespaces: {
        titles: multiPartitionMutation({
          payload: type<Title>(),
          targets: { database, search: async () => {} },
        }),
      },
    })
    await wal.namespace('titles').transaction(async (tx) => {
      await tx.put('database', { key: 'a', payload: { id: 'a', name: 'Ran' } })
      await tx.patch('search', { key: 'a', payload: { name: 'Ran' } })
      await tx.delete('search', { key: 'a' })
      // @ts-expect-error there is no such target
      await tx.delete('saerch', { key: 'a' })
      // @ts-expect-error a title has a name
      await tx.put('database', { key: 'a', payload: { id: 'a' } })
      // @ts-expect-error with order 'key' a mutation names one
      await tx.delete('search', {})
    })
    const status = await wal.namespace('titles').transactionStatus('id')
    expectTypeOf(status?.targets.search?.applied).toEqualTypeOf<number | undefined>()
    // @ts-expect-error there is no such target
    void status?.targets.saerch
  })

  test('regions know the targets of their peers, and the payload', async () => {
    const titles = crossRegionReplication({
      payload: type<Title>(),
      region: { name: 'eu', number: 0 },
      targets: {
        database,
        cache: async (records) => {
          expectTypeOf(records).toEqualTypeOf<readonly WalRecord<Title>[]>()
        },
      },
      peers: {
        us: { number: 1, target: database },
        asia: { number: 2, targets: { cache: database, search: database } },
      },
    })
    const wal = await createWal({ namespaces: { titles } })
    const status = await wal.status()
    expectTypeOf<keyof typeof status.namespaces.titles.targets>().toEqualTypeOf<
      'database' | 'cache' | 'us' | 'asia.cache' | 'asia.search'
    >()
    void wal.write('titles', { key: 'a', payload: { id: 'a', name: 'Ran' }, target: 'asia.search' })
    // @ts-expect-error there is no such target
    void wal.write('titles', { key: 'a', payload: { id: 'a', name: 'Ran' }, target: 'asia' })
    // @ts-expect-error a title has a name
    void wal.write('titles', { key: 'a', payload: { id: 'a' } })
    // @ts-expect-error order is by key where nothing is said
    void wal.write('titles', { payload: { id: 'a', name: 'Ran' } })
  })

  test('a region that is wrong does not compile', () => {
    const region = { name: 'eu', number: 0 }
    const targets = { database }
    const other = defineTarget<{ readonly price: number }>(async () => {})
    crossRegionReplication({
      payload: type<Title>(),
      ...{ region, targets },
      // @ts-expect-error the target of the peer takes prices
      peers: { us: { number: 1, target: other } },
    })
    // @ts-expect-error a peer has a number
    crossRegionReplication({ region, targets, peers: { us: { target: database } } })
    crossRegionReplication({
      ...{ region, targets },
      peers: { us: { number: 1, target: database } },
      // @ts-expect-error every region would delay what comes from another once more
      delay: '1s',
    })
  })
})

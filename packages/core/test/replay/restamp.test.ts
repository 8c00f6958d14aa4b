import { describe, expect, it } from 'vitest'
import { createWal, fanOut, fileQueue, type Queue, type } from '../../src/index.ts'
import { KeySet } from '../../src/replay/key-set.ts'
import { SeededRandom } from '../../src/testing/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { type Row, VersionedStore } from '../testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

async function open(store: VersionedStore, queue?: Queue) {
  return createWal({
    namespaces: {
      titles: fanOut({
        payload: type<Row>(),
        queue: queue ?? fileQueue({ directory: await temporaryDirectory() }),
        targets: { store },
      }),
    },
  })
}

type TitlesWal = Awaited<ReturnType<typeof open>>

function write(wal: TitlesWal, key: string, title: string) {
  return wal.write('titles', { key, payload: { title } })
}

/** The same queue, said to be open to other processes. */
function asShared(queue: Queue): Queue {
  const supports = { ...queue.supports, shared: true }
  return new Proxy(queue, {
    get(whole, name: keyof Queue) {
      if (name === 'supports') return supports
      const part = whole[name]
      return typeof part === 'function' ? part.bind(whole) : part
    },
  })
}

describe('a replay with new versions', () => {
  it('puts back what a bad write had overwritten in a store that was not restored', async () => {
    const store = new VersionedStore()
    await using wal = await open(store)
    await wal.start()
    await write(wal, 'a', 'good')
    const { id } = await write(wal, 'a', 'bad')
    await wal.drain()
    const omit = (record: { id: string }): boolean => record.id === id
    await wal.replay('titles', { target: 'store', omit })
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'bad' })
    const report = await wal.replay('titles', { target: 'store', omit, restamp: true })
    expect(report).toMatchObject({ complete: true, sent: 1, omitted: 1 })
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'good' })
    await write(wal, 'a', 'newest')
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'newest' })
  })

  it('is refused on a queue that other processes write into too', async () => {
    const store = new VersionedStore()
    await using wal = await open(
      store,
      asShared(fileQueue({ directory: await temporaryDirectory() })),
    )
    await write(wal, 'a', 'one')
    await expect(wal.replay('titles', { target: 'store', restamp: true })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringMatching(/restamp/),
    })
    expect(await wal.replay('titles', { target: 'store' })).toMatchObject({ sent: 1 })
  })

  it('replays a key through its last record, behind the range too, and no other key', async () => {
    const store = new VersionedStore()
    await using wal = await open(store)
    await write(wal, 'a', 'one')
    const { position } = await wal.replay('titles', { target: 'store', dryRun: true })
    await write(wal, 'a', 'two')
    await write(wal, 'b', 'other')
    await wal.start()
    await wal.drain()
    const to = { position }
    const report = await wal.replay('titles', { target: 'store', to, restamp: true })
    expect(report).toMatchObject({ complete: true, sent: 2, read: 2 })
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'two' })
  })

  it('is begun again from its beginning where it was cut short', async () => {
    const store = new VersionedStore()
    await using wal = await open(store)
    const inputs = Array.from({ length: 600 }, (_, at) => ({ key: 'k', payload: { year: at } }))
    await wal.namespace('titles').writeMany(inputs)
    const abort = new AbortController()
    const onProgress = (): void => abort.abort()
    const { signal } = abort
    const cut = await wal.replay('titles', { target: 'store', restamp: true, signal, onProgress })
    expect(cut).toMatchObject({ complete: false, sent: 500, position: '0' })
    const from = { position: cut.position }
    expect(await wal.replay('titles', { target: 'store', restamp: true, from })).toMatchObject({
      complete: true,
      sent: 600,
      passedOver: { repeats: 500 },
    })
    await wal.start()
    await wal.drain()
    expect(await store.read('k')).toEqual({ year: 599 })
  })

  it('leaves the last that was written and not left out, whatever is written meanwhile', async () => {
    for (let run = 0; run < 4; run++)
      await replayAmongWrites(new SeededRandom(seed + run), seed + run)
  })
})

/** Random puts and deletes, some of them bad, and replays while more are written. */
async function replayAmongWrites(random: SeededRandom, runSeed: number): Promise<void> {
  const below = (limit: number): number => Math.floor(random.next() * limit)
  const keys = ['a', 'b', 'c', 'd', 'e', 'f']
  const store = new VersionedStore()
  const queue = fileQueue({ directory: await temporaryDirectory(), segmentBytes: 65_536 })
  const bad = new Set<string>()
  const log: { id: string; key: string; row: Row | undefined }[] = []
  await using wal = await open(store, queue)
  await wal.start()
  let count = 0
  const writing: Promise<unknown>[] = []
  const writeOne = (): void => {
    const key = keys[below(keys.length)] ?? 'a'
    const row = random.next() < 0.8 ? { year: ++count } : undefined
    const written = row ? wal.write('titles', { key, payload: row }) : wal.delete('titles', { key })
    writing.push(written.then(({ id }) => Object.assign(entry, { id })))
    const entry = { id: '', key, row }
    log.push(entry)
  }
  for (let at = 0; at < 100; at++) writeOne()
  await Promise.all(writing)
  const { position: from } = await wal.replay('titles', { target: 'store', dryRun: true })
  const start = log.length
  for (let at = 0; at < 700; at++) writeOne()
  await Promise.all(writing)
  const { position: to } = await wal.replay('titles', { target: 'store', dryRun: true })
  const end = log.length
  for (const { id } of log.slice(start, end)) if (random.next() < 0.1) bad.add(id)
  for (let at = 0; at < 50; at++) writeOne()

  let cuts = 2
  for (let isComplete = false; !isComplete; ) {
    const abort = new AbortController()
    const report = await wal.replay('titles', {
      target: 'store',
      restamp: true,
      from: { position: from },
      to: { position: to },
      omit: ({ id }) => bad.has(id),
      signal: abort.signal,
      onProgress: () => {
        for (let at = 0; at < 3; at++) writeOne()
        if (random.next() < 0.3 && cuts-- > 0) abort.abort()
      },
    })
    isComplete = report.complete
  }
  await Promise.all(writing)
  await wal.drain()
  for (const key of keys) {
    const last = log.findLast((one) => one.key === key && !bad.has(one.id))
    expect(await store.read(key), `${key}, DAYBOOK_SEED=${runSeed}`).toEqual(last?.row)
  }
}

describe('the keys a replay remembers', () => {
  it('are all found again, and few others', () => {
    const keys = new KeySet()
    for (let at = 0; at < 100_000; at++) keys.add(`title-${at}`)
    let forgotten = 0
    let mistaken = 0
    for (let at = 0; at < 100_000; at++) {
      if (!keys.mayHave(`title-${at}`)) forgotten++
      if (keys.mayHave(`series-${at}`)) mistaken++
    }
    expect(forgotten).toBe(0)
    expect(mistaken).toBeLessThan(100)
  })
})

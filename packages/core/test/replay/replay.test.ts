import { describe, expect, it } from 'vitest'
import {
  createWal,
  fanOut,
  fileQueue,
  memoryQueue,
  type Queue,
  ReplayError,
  type ReplayOptions,
  type Target,
  type,
} from '../../src/index.ts'
import {
  faultyQueue,
  recordingTarget,
  SeededRandom,
  VirtualClock,
} from '../../src/testing/index.ts'
import { temporaryDirectory } from '../queue/file/support/temporary-directory.ts'
import { type Row, VersionedStore } from '../testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

type Options = ReplayOptions<Row, 'store' | 'other'>

async function open(
  targets: { store: Target<Row>; other?: Target<Row> },
  { queue, clock }: { queue?: Queue; clock?: VirtualClock } = {},
) {
  const { store, other = recordingTarget<Row>({ idempotency: 'version' }) } = targets
  return createWal({
    ...(clock && { clock }),
    namespaces: {
      titles: fanOut({
        payload: type<Row>(),
        queue: queue ?? fileQueue({ directory: await temporaryDirectory() }),
        targets: { store, other },
      }),
    },
  })
}

type TitlesWal = Awaited<ReturnType<typeof open>>

function write(wal: TitlesWal, key: string, title: string, fields: { delay?: number } = {}) {
  return wal.write('titles', { key, payload: { title }, ...fields })
}

function titlesOf({ applied }: { applied: readonly { payload?: Partial<Row> | undefined }[] }) {
  return applied.map(({ payload }) => payload?.title)
}

describe('replay', () => {
  it('brings a store restored from an empty backup up to date, and touches no other target', async () => {
    const queue = fileQueue({ directory: await temporaryDirectory() })
    const other = recordingTarget<Row>({ idempotency: 'version' })
    {
      await using wal = await open({ store: new VersionedStore(), other }, { queue })
      await write(wal, 'a', 'one')
      await write(wal, 'a', 'two')
      await write(wal, 'b', 'three')
      await wal.delete('titles', { key: 'b' })
      await wal.start()
      await wal.drain()
    }
    const store = new VersionedStore()
    await using wal = await open({ store, other }, { queue })
    await wal.start()
    await wal.drain()
    expect(await store.read('a')).toBeUndefined()
    const report = await wal.replay('titles', { target: 'store' })
    expect(report).toMatchObject({ complete: true, read: 4, sent: 4, omitted: 0 })
    await wal.drain()
    expect(await store.read('a')).toEqual({ title: 'two' })
    expect(await store.read('b')).toBeUndefined()
    expect(other.applied).toHaveLength(4)
  })

  it('keeps ids and versions, and the order of a key', async () => {
    const store = recordingTarget<Row>({ idempotency: 'version' })
    await using wal = await open({ store })
    const receipts = []
    for (const title of ['one', 'two', 'three']) receipts.push(await write(wal, 'a', title))
    await wal.start()
    await wal.replay('titles', { target: 'store' })
    await wal.drain()
    const again = store.applied.slice(3)
    expect(again.map(({ id, version }) => ({ id, version }))).toEqual(
      receipts.map(({ id, version }) => ({ id, version })),
    )
  })

  it('replays what lies between two instants, and leaves out what it is told to', async () => {
    const clock = new VirtualClock()
    const store = recordingTarget<Row>({ idempotency: 'version' })
    await using wal = await open({ store }, { clock })
    await write(wal, 'a', 'before')
    await clock.advance(60_000)
    const from = new Date(clock.now())
    const { id } = await write(wal, 'a', 'bad')
    await write(wal, 'a', 'good')
    await clock.advance(60_000)
    const to = new Date(clock.now()).toISOString()
    await write(wal, 'a', 'after')
    const range: Options = { from, to, target: 'store', omit: (record) => record.id === id }
    const wouldBe = await wal.replay('titles', { ...range, dryRun: true })
    expect(wouldBe).toMatchObject({ complete: true, read: 2, sent: 1, omitted: 1 })
    await wal.start()
    await wal.drain()
    expect(titlesOf(store)).toEqual(['before', 'bad', 'good', 'after'])
    expect(await wal.replay('titles', range)).toEqual(wouldBe)
    await wal.drain()
    expect(titlesOf(store).slice(4)).toEqual(['good'])
  })

  it('passes over what is for another target, what repeats another record, and what was delayed', async () => {
    const clock = new VirtualClock()
    const store = recordingTarget<Row>({ idempotency: 'version' })
    await using wal = await open({ store }, { clock })
    await write(wal, 'a', 'plain')
    await wal.write('titles', { key: 'b', payload: { title: 'theirs' }, target: 'other' })
    await write(wal, 'c', 'soon', { delay: 1_000 })
    await write(wal, 'd', 'late', { delay: 1_000_000 })
    await clock.advance(2_000)
    const first = await wal.replay('titles', { target: 'store' })
    expect(first).toMatchObject({ read: 4, sent: 1 })
    expect(first.passedOver).toEqual({ otherTarget: 1, repeats: 0, delayed: 2 })
    const second = await wal.replay('titles', { target: 'store', delayed: true })
    expect(second).toMatchObject({ read: 5, sent: 2 })
    expect(second.passedOver).toEqual({ otherTarget: 1, repeats: 1, delayed: 1 })
    await wal.start()
    await store.waitFor(4)
    await wal.drain()
    expect(titlesOf(store).sort()).toEqual(['plain', 'plain', 'plain', 'soon', 'soon'])
  })

  it('ends when its signal aborts, and goes on from the position it reports', async () => {
    const store = recordingTarget<Row>({ idempotency: 'version' })
    await using wal = await open({ store })
    const inputs = Array.from({ length: 1_200 }, (_, at) => ({
      key: `k${at % 7}`,
      payload: { title: String(at) },
    }))
    await wal.namespace('titles').writeMany(inputs)
    const abort = new AbortController()
    const cut = await wal.replay('titles', {
      target: 'store',
      signal: abort.signal,
      onProgress: () => abort.abort(),
    })
    expect(cut).toMatchObject({ complete: false, sent: 500 })
    const { position } = cut
    const rest = await wal.replay('titles', { target: 'store', from: { position } })
    expect(rest).toMatchObject({
      complete: true,
      sent: 700,
      read: 1_200,
      passedOver: { repeats: 500 },
    })
    await wal.start()
    await wal.drain()
    for (const key of ['k0', 'k3', 'k6']) {
      const titles = store.applied
        .filter((one) => one.key === key)
        .map(({ payload }) => payload?.title)
      const written = inputs.filter((one) => one.key === key).map(({ payload }) => payload.title)
      expect(titles).toEqual([...written, ...written])
    }
  })

  it('sends no faster than its rate', async () => {
    await using wal = await open({ store: recordingTarget<Row>({ idempotency: 'version' }) })
    for (let at = 0; at < 40; at++) await write(wal, 'k', String(at))
    const began = performance.now()
    // A tenth of a second's worth may go at once.
    const report = await wal.replay('titles', { target: 'store', rate: { perSecond: 200 } })
    expect(report.sent).toBe(40)
    expect(performance.now() - began).toBeGreaterThanOrEqual(95)
  })

  it('sends again what the queue could not store, the last of a key last', async () => {
    const random = new SeededRandom(seed)
    let isFaulty = false
    const inner = fileQueue({ directory: await temporaryDirectory() })
    const queue = faultyQueue(inner, {
      send: () => {
        if (!isFaulty || random.next() > 0.05) return undefined
        return random.next() < 0.5 ? 'refuse' : 'land'
      },
    })
    const store = new VersionedStore()
    const seen = recordingTarget<Row>({
      idempotency: 'version',
      answer: (record) => store.applyOne(record),
    })
    await using wal = await open({ store: seen }, { queue })
    for (let at = 0; at < 100; at++) await write(wal, `k${at % 3}`, String(at))
    isFaulty = true
    const { sent } = await wal.replay('titles', { target: 'store' })
    expect(sent, `DAYBOOK_SEED=${seed}`).toBe(100)
    await wal.start()
    await wal.drain()
    expect(await store.read('k0')).toEqual({ title: '99' })
  })

  it('rejects with how far it came when omit throws, or answers with a promise', async () => {
    await using wal = await open({ store: new VersionedStore() })
    await write(wal, 'a', 'one')
    const omit = (): boolean => {
      throw new Error('a slip')
    }
    const thrown = await wal.replay('titles', { target: 'store', omit }).catch((error) => error)
    expect(thrown).toBeInstanceOf(ReplayError)
    expect(thrown).toMatchObject({
      code: 'ERR_REPLAY_FAILED',
      report: { complete: false, sent: 0, position: '0' },
      cause: { message: 'a slip' },
    })
    const asynchronous = (async () => true) as unknown as () => boolean
    await expect(
      wal.replay('titles', { target: 'store', omit: asynchronous }),
    ).rejects.toMatchObject({ code: 'ERR_REPLAY_FAILED' })
  })

  it('ends with ERR_CLOSED behind it when the wal is closed', async () => {
    const clock = new VirtualClock()
    const wal = await open({ store: new VersionedStore() }, { clock })
    for (let at = 0; at < 10; at++) await write(wal, 'k', String(at))
    const replay = wal.replay('titles', { target: 'store', rate: { perSecond: 0.001 } })
    const ended = replay.catch((error) => error)
    await wal.close()
    expect(await ended).toMatchObject({ code: 'ERR_REPLAY_FAILED', cause: { code: 'ERR_CLOSED' } })
    await expect(wal.replay('titles', { target: 'store' })).rejects.toMatchObject({
      code: 'ERR_CLOSED',
    })
  })

  it('is refused for a target that does not guard by version, unless forced', async () => {
    const store = recordingTarget<Row>({ idempotency: 'id' })
    await using wal = await open({ store })
    await write(wal, 'a', 'one')
    await expect(wal.replay('titles', { target: 'store' })).rejects.toMatchObject({
      code: 'ERR_REPLAY_UNGUARDED',
    })
    expect(await wal.replay('titles', { target: 'store', dryRun: true })).toMatchObject({ sent: 1 })
    expect(await wal.replay('titles', { target: 'store', force: true })).toMatchObject({ sent: 1 })
  })

  it('is refused where the queue keeps no past, with the path of its option', async () => {
    await using wal = await open({ store: new VersionedStore() }, { queue: memoryQueue() })
    await expect(wal.replay('titles', { target: 'store' })).rejects.toMatchObject({
      code: 'ERR_NOT_SUPPORTED',
      message: expect.stringContaining('namespaces.titles.queue'),
    })
  })

  it('refuses options that are misspelt or senseless, and sends nothing', async () => {
    const store = recordingTarget<Row>({ idempotency: 'version' })
    await using wal = await open({ store })
    await write(wal, 'a', 'one')
    const wrong: readonly object[] = [
      { dryrun: true },
      { from: 'yesterday' },
      { from: Number.NaN },
      { from: 8.64e15 + 1 },
      { to: { position: 5 } },
      { from: { position: 'p' } },
      { from: 2_000, to: 1_000 },
      { omit: true },
      { rate: { perSecond: 0 } },
      { rate: { perSeconds: 5 } },
      { rate: 5 },
      { signal: {} },
      { force: 'yes' },
      { target: 5 },
    ]
    for (const options of wrong) {
      const replay = wal.replay('titles', { target: 'store', ...options } as Options)
      await expect(replay, JSON.stringify(options)).rejects.toMatchObject({
        code: 'ERR_INVALID_REPLAY',
      })
    }
    await expect(wal.replay('titles', { target: 'stores' as 'store' })).rejects.toMatchObject({
      code: 'ERR_UNKNOWN_TARGET',
    })
    await wal.start()
    await wal.drain()
    expect(store.applied).toHaveLength(1)
  })
})

describe('a store that is restored and replayed', () => {
  it('holds what it would have held, whenever it was backed up and however often replays are cut', async () => {
    for (let run = 0; run < 4; run++)
      await restoreAndReplay(new SeededRandom(seed + run), seed + run)
  })
})

/** Random writes, a backup in their midst, replays that are cut short: compared with a store that lost nothing. */
async function restoreAndReplay(random: SeededRandom, runSeed: number): Promise<void> {
  const queue = fileQueue({ directory: await temporaryDirectory(), segmentBytes: 32_768 })
  const below = (limit: number): number => Math.floor(random.next() * limit)
  const keys = ['a', 'b', 'c', 'd', 'e']
  const model = new VersionedStore()
  const written = 600 + below(900)
  const backedUpAt = below(written)
  const restored = new VersionedStore()
  const sent: Parameters<VersionedStore['applyOne']>[0][] = []
  {
    const sink = recordingTarget<Row>({ idempotency: 'version' })
    await using wal = await open({ store: sink }, { queue })
    const inputs = Array.from({ length: written }, (_, at) => {
      const key = keys[below(keys.length)] ?? 'a'
      const op = (['put', 'patch', 'delete'] as const)[below(3)] ?? 'put'
      if (op === 'delete') return { key, op }
      return { key, op, payload: op === 'put' ? { title: `t${at}`, year: at } : { year: at } }
    })
    await wal.namespace('titles').writeMany(inputs as never)
    await wal.start()
    await wal.drain()
    sent.push(...sink.applied)
  }
  for (const record of sent) model.applyOne(record)
  for (const record of sent.slice(0, backedUpAt)) restored.applyOne(record)

  let from: Options['from']
  for (let isComplete = false; !isComplete; ) {
    await using wal = await open({ store: restored }, { queue })
    if (random.next() < 0.5) await wal.start()
    const abort = new AbortController()
    const cuts = below(3) > 0
    const report = await wal.replay('titles', {
      target: 'store',
      from,
      signal: abort.signal,
      omit: () => {
        if (cuts && random.next() < 0.002) abort.abort()
        return false
      },
    })
    isComplete = report.complete
    from = { position: report.position }
  }
  await using wal = await open({ store: restored }, { queue })
  await wal.start()
  await wal.drain()
  for (const key of keys) {
    expect(await restored.read(key), `DAYBOOK_SEED=${runSeed}`).toEqual(await model.read(key))
  }
}

import { describe, expect, it } from 'vitest'
import {
  applied,
  createWal,
  delayedQueue,
  fanOut,
  memoryQueue,
  permanent,
  type Queue,
  superseded,
  transient,
  type,
  unavailable,
} from '../src/index.ts'
import { VirtualClock } from '../src/testing/virtual-clock.ts'
import { type Film, filmsWal, ScriptedTarget } from './support/films-wal.ts'

describe('createWal', () => {
  it('delivers what is written to every target, in order, and reports it', async () => {
    const targets = { database: new ScriptedTarget(), search: new ScriptedTarget() }
    const { wal, films } = await filmsWal(targets)
    await films.write({ key: 'a', payload: { title: '1' } })
    await wal.write('films', { key: 'a', payload: { title: '2' } })
    await films.delete({ key: 'a' })
    await wal.start()
    const { films: report } = await wal.drain()
    expect(targets.database.titles).toEqual(['1', '2', 'delete'])
    expect(targets.search.titles).toEqual(['1', '2', 'delete'])
    // What was applied before drain was called is not in its report.
    expect(report['database']).toMatchObject({ dead: 0, lost: 0, blocked: 0, pending: 0 })
    expect(report['search']).toMatchObject({ dead: 0, lost: 0, blocked: 0, pending: 0 })
    await wal.close()
  })

  it('gives receipts with versions that grow, one for each of many', async () => {
    const { wal, films } = await filmsWal({ database: new ScriptedTarget() })
    const receipts = await films.writeMany([
      { key: 'a', payload: { title: '1' } },
      { key: 'a', payload: { title: '2' } },
    ])
    expect(receipts.map(({ durable }) => durable)).toEqual(['yes', 'yes'])
    expect(receipts[1]?.version).toBeGreaterThan(receipts[0]?.version ?? 0n)
    await wal.close()
  })

  it('stores nothing of many if one of them is wrong', async () => {
    const database = new ScriptedTarget()
    const { wal, films } = await filmsWal({ database })
    await expect(
      films.writeMany([
        { key: 'a', payload: { title: '1' } },
        { key: '', payload: { title: '2' } },
      ]),
    ).rejects.toMatchObject({ code: 'ERR_INVALID_RECORD' })
    await wal.start()
    await wal.drain()
    expect(database.given).toEqual([])
    await wal.close()
  })

  it('delivers a record meant for one target to that one only', async () => {
    const targets = { database: new ScriptedTarget(), search: new ScriptedTarget() }
    const { wal, films } = await filmsWal(targets)
    await films.write({ key: 'a', payload: { title: '1' }, target: 'search' })
    await wal.start()
    await wal.drain()
    expect([targets.database.titles, targets.search.titles]).toEqual([[], ['1']])
    await wal.close()
  })

  it('tells an unknown namespace, a second start, and use after close by their codes', async () => {
    const { wal, films } = await filmsWal({ database: new ScriptedTarget() })
    expect(() => wal.namespace('flims' as 'films')).toThrowError(
      expect.objectContaining({ code: 'ERR_UNKNOWN_NAMESPACE' }),
    )
    await expect(films.drain()).rejects.toMatchObject({ code: 'ERR_NOT_STARTED' })
    await wal.start()
    await expect(wal.start()).rejects.toMatchObject({ code: 'ERR_ALREADY_STARTED' })
    await wal.close()
    await wal.close()
    const write = { key: 'a', payload: { title: '1' } }
    await expect(films.write(write)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(films.tryWrite(write)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(wal.start()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(films.drain()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it.each([undefined, 'off'])(
    'has no status once closed, with dead letters %s',
    async (letters) => {
      const database = new ScriptedTarget()
      const { wal, films } = await filmsWal({ database }, { deadLetters: letters })
      expect(await films.status()).toMatchObject({
        targets: { database: { dead: 0, delivery: undefined } },
      })
      await wal.close()
      await expect(wal.status()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
      await expect(films.status()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    },
  )

  it('refuses a wait of one record among many, for it would not be heeded', async () => {
    const { wal, films } = await filmsWal({ database: new ScriptedTarget() })
    const record = { key: 'a', payload: { title: '1' } }
    for (const wait of [{ timeout: '1s' }, { signal: AbortSignal.abort() }]) {
      await expect(films.writeMany([record, { ...record, ...wait }])).rejects.toMatchObject({
        code: 'ERR_INVALID_RECORD',
        message: expect.stringContaining('item 1'),
      })
    }
    await expect(films.writeMany('records' as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_RECORD',
    })
    await wal.close()
  })

  it('closes what it had opened when a later namespace cannot be opened', async () => {
    const closed: string[] = []
    const good = watched(memoryQueue(), () => closed.push('good'))
    const bad = watched(memoryQueue(), () => closed.push('bad'))
    bad.open = () => Promise.reject(new Error('no broker'))
    const targets = { t: async () => {} }
    const namespaces = { good: { queue: good, targets }, bad: { queue: bad, targets } }
    await expect(createWal({ namespaces })).rejects.toThrow('no broker')
    expect(closed).toEqual(['good'])
  })

  it('starts with a target that cannot be opened yet, and holds up nobody for it', async () => {
    let [opened, closed] = [0, 0]
    const broken = Object.assign(new ScriptedTarget(), {
      async open() {
        opened++
        if (opened < 3) throw new Error('db down')
      },
      async close() {
        closed++
      },
    })
    const fine = new ScriptedTarget()
    const { wal, films } = await filmsWal({ broken, fine }, { breaker: { minOpen: 1, maxOpen: 2 } })
    const paused: string[] = []
    wal.on('paused', ({ target, reason, message }) => paused.push(`${target} ${reason} ${message}`))
    await films.write({ key: 'a', payload: { title: '1' } })
    await wal.start()
    await wal.drain()
    expect([broken.titles, fine.titles]).toEqual([['1'], ['1']])
    expect(paused[0]).toMatch(/^broken unavailable .*db down/)
    expect(opened).toBe(3)
    await wal.close()
    expect(closed).toBe(1)
  })

  it('can be started again after a start that failed, and delivers nothing between', async () => {
    const real = memoryQueue()
    let broken = true
    const queue = watched(real, () => {})
    queue.consumer = (target) =>
      target === 'second' && broken ? Promise.reject(new Error('no reader')) : real.consumer(target)
    const targets = { first: new ScriptedTarget(), second: new ScriptedTarget() }
    const { wal, films } = await filmsWal(targets, { queue })
    await expect(wal.start()).rejects.toThrow('no reader')
    await films.write({ key: 'a', payload: { title: '1' } })
    await expect(films.drain()).rejects.toMatchObject({ code: 'ERR_NOT_STARTED' })
    expect((await wal.status()).started).toBe(false)
    expect(targets.first.titles).toEqual([])
    broken = false
    await wal.start()
    await wal.drain()
    expect([targets.first.titles, targets.second.titles]).toEqual([['1'], ['1']])
    await wal.close()
  })

  it('closes everything else where one part cannot be closed', async () => {
    const closed: string[] = []
    const stubborn = Object.assign(new ScriptedTarget(), {
      close: () => Promise.reject(new Error('will not close')),
    })
    const queue = watched(memoryQueue(), () => closed.push('queue'))
    const { wal, films } = await filmsWal({ stubborn }, { queue })
    await films.write({ key: 'a', payload: { title: '1' } })
    await wal.start()
    await wal.drain()
    await expect(wal.close()).rejects.toThrow('will not close')
    expect(closed).toEqual(['queue'])
  })

  it('is closed by await using', async () => {
    let handle: { write(input: never): Promise<unknown> }
    {
      await using wal = (await filmsWal({ database: new ScriptedTarget() })).wal
      handle = wal.namespace('films')
    }
    await expect(
      handle.write({ key: 'a', payload: { title: '1' } } as never),
    ).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  it('warns of a target that cannot tell a repetition, where the persona needs it', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error): number => warnings.push(warning)
    process.on('warning', listen)
    const wal = await createWal({
      namespaces: {
        films: fanOut({ queue: memoryQueue(), targets: { careless: async () => {} } }),
        later: delayedQueue({ queue: memoryQueue(), delay: 1, target: async () => {} }),
      },
    })
    await new Promise(setImmediate)
    process.off('warning', listen)
    expect(warnings.map((warning) => warning.message)).toEqual([
      expect.stringContaining("'careless'"),
    ])
    await wal.close()
  })
})

describe('events and status', () => {
  it('tells retries, recovery, supersession, dead letters and outages', async () => {
    const told: string[] = []
    let down = true
    const search: ScriptedTarget = new ScriptedTarget((record) => {
      const attempt = search.given.filter(({ id }) => id === record.id).length
      if (record.key === 'old') return superseded
      if (record.key === 'dead') return permanent('NO', 'never')
      if (record.key === 'outage' && down) return unavailable('DOWN', 'restarting')
      return record.key === 'shaky' && attempt === 1 ? transient('AGAIN', 'busy') : applied
    })
    const { wal, films } = await filmsWal({ search }, { breaker: { minOpen: 1, maxOpen: 5 } })
    wal
      .on('retry', ({ record, spent }) => told.push(`retry ${record.key} ${spent}`))
      .on('recovered', ({ record, spent }) => told.push(`recovered ${record.key} ${spent}`))
      .on('superseded', ({ records }) => told.push(`superseded ${records[0]?.key}`))
      .on('deadLettered', ({ record, code }) => told.push(`dead ${record?.key} ${code}`))
      .on('paused', ({ reason, code }) => {
        down = false
        told.push(`paused ${reason} ${code}`)
      })
      .on('resumed', ({ target }) => told.push(`resumed ${target}`))
    await wal.start()
    for (const key of ['old', 'dead', 'shaky', 'outage']) {
      await films.write({ key, payload: { title: key } })
      await wal.drain()
    }
    expect(told).toEqual([
      'superseded old',
      'dead dead NO',
      'retry shaky 1',
      'recovered shaky 1',
      'paused unavailable DOWN',
      'resumed search',
    ])
    const { delivery } = (await wal.status()).namespaces.films.targets['search'] ?? {}
    expect(delivery).toMatchObject({
      pending: 0,
      applied: 2,
      superseded: 1,
      retried: 1,
      deadLettered: 1,
      breaker: 'closed',
    })
    await wal.close()
  })
})

describe('a delayed queue', () => {
  it('applies nothing before it is due', async () => {
    const clock = new VirtualClock()
    const times: number[] = []
    const wal = await createWal({
      clock,
      namespaces: {
        cleanup: delayedQueue({
          payload: type<Film>(),
          queue: memoryQueue(),
          delay: '2h',
          target: async () => {
            times.push(clock.now())
          },
        }),
      },
    })
    await wal.start()
    const began = clock.now()
    await wal.write('cleanup', { payload: { title: 'a' } })
    await wal.write('cleanup', { payload: { title: 'b' }, delay: '1m' })
    await clock.advance(59_999)
    expect(times).toEqual([])
    expect((await wal.status()).namespaces.cleanup.targets['target']?.delivery).toMatchObject({
      delayed: 2,
      pending: 0,
    })
    await clock.advance(1)
    expect(times).toEqual([began + 60_000])
    await clock.advance(7_200_000)
    expect(times).toEqual([began + 60_000, began + 7_200_000])
    await wal.close()
  })
})

function watched(queue: Queue, onClose: () => void): Queue {
  const close = queue.close.bind(queue)
  return Object.assign(Object.create(queue), {
    supports: queue.supports,
    kind: queue.kind,
    open: queue.open.bind(queue),
    producer: queue.producer.bind(queue),
    consumer: queue.consumer.bind(queue),
    deadLetters: queue.deadLetters.bind(queue),
    highestVersion: queue.highestVersion?.bind(queue),
    async close() {
      onClose()
      await close()
    },
  })
}

import { describe, expect, it } from 'vitest'
import { applied, memoryQueue, type Outcome, permanent, type WalRecord } from '../src/index.ts'
import { type Film, filmsWal, ScriptedTarget } from './support/films-wal.ts'

describe('dead letters', () => {
  const poisoned = (record: WalRecord<Film>): Outcome =>
    record.op === 'put' && record.payload.title === '' ? permanent('NO_TITLE', 'empty') : applied

  it('holds what can never be applied, with its history, for its one target', async () => {
    const targets = { database: new ScriptedTarget(), search: new ScriptedTarget(poisoned) }
    const { wal, films } = await filmsWal(targets)
    await films.write({ key: 'a', payload: { title: '' } })
    await wal.start()
    await wal.drain()
    const { letters } = await films.deadLetters.list()
    expect(letters).toMatchObject([
      {
        namespace: 'films',
        target: 'search',
        code: 'NO_TITLE',
        record: { key: 'a', payload: { title: '' } },
        attempts: [{ class: 'permanent', code: 'NO_TITLE', target: 'search' }],
      },
    ])
    expect(await films.deadLetters.get(letters[0]?.id ?? '')).toEqual(letters[0])
    expect(targets.database.titles).toEqual([''])
    expect((await wal.status()).namespaces.films.targets['search']).toMatchObject({ dead: 1 })
    await wal.close()
  })

  it('mends a letter, puts it back for its target only, and removes it', async () => {
    const targets = { database: new ScriptedTarget(), search: new ScriptedTarget(poisoned) }
    const { wal, films } = await filmsWal(targets)
    await films.write({ key: 'a', payload: { title: '' } })
    await wal.start()
    await wal.drain()
    const before = targets.search.given[0]
    const report = await films.deadLetters.redrive('all', {
      edit: () => ({ payload: { title: 'mended' } }),
    })
    expect(report).toMatchObject({ redriven: [expect.any(String)], failed: [] })
    await wal.drain()
    expect(targets.search.titles).toEqual(['', 'mended'])
    expect(targets.database.titles).toEqual([''])
    expect(targets.search.given[1]).toMatchObject({
      id: before?.id,
      version: before?.version,
      attemptEpoch: 1,
    })
    expect((await films.deadLetters.list()).letters).toEqual([])
    await wal.close()
  })

  it('keeps the letter of a redriven record that fails again', async () => {
    const search = new ScriptedTarget(poisoned)
    const { wal, films } = await filmsWal({ search })
    await films.write({ key: 'a', payload: { title: '' } })
    await wal.start()
    for (let round = 1; round <= 20; round++) {
      await wal.drain()
      await films.deadLetters.redrive('all')
    }
    await wal.drain()
    const { letters } = await films.deadLetters.list()
    expect(letters).toMatchObject([{ record: { attemptEpoch: 20 } }])
    await wal.close()
  })

  it('changes nothing in a dry run, and says which letters it does not know', async () => {
    const { wal, films } = await filmsWal({ search: new ScriptedTarget(poisoned) })
    await films.write({ key: 'a', payload: { title: '' } })
    await wal.start()
    await wal.drain()
    const [letter] = (await films.deadLetters.list()).letters
    const ids = [letter?.id ?? '', 'nobody']
    expect(await films.deadLetters.redrive({ ids }, { dryRun: true })).toMatchObject({
      redriven: [letter?.id],
      failed: [{ id: 'nobody', error: { code: 'ERR_DEAD_LETTER_NOT_FOUND' } }],
    })
    expect((await films.deadLetters.list()).letters).toHaveLength(1)
    await wal.close()
  })

  it('keeps the letter of a target that is no longer configured', async () => {
    const queue = memoryQueue()
    const first = await filmsWal({ old: new ScriptedTarget(poisoned) }, { queue })
    await first.films.write({ key: 'a', payload: { title: '' } })
    await first.wal.start()
    await first.wal.drain()
    await first.wal.close()
    const { wal, films } = await filmsWal({ search: new ScriptedTarget() }, { queue })
    expect(await films.deadLetters.redrive('all')).toMatchObject({
      redriven: [],
      failed: [{ error: { code: 'ERR_UNKNOWN_TARGET' } }],
    })
    expect(await films.deadLetters.count()).toEqual(new Map([['old', 1]]))
    await wal.close()
  })

  it('counts letters by target and code, and discards by filter', async () => {
    const search = new ScriptedTarget((record) =>
      permanent(record.key === 'a' ? 'ODD' : 'EVEN', `of ${record.key}`),
    )
    const { wal, films } = await filmsWal({ search })
    for (const key of ['a', 'b', 'b']) await films.write({ key, payload: { title: key } })
    await wal.start()
    await wal.drain()
    expect(await films.deadLetters.groups()).toMatchObject([
      { target: 'search', code: 'EVEN', count: 2, message: 'of b' },
      { target: 'search', code: 'ODD', count: 1 },
    ])
    expect(await films.deadLetters.discard({ code: 'EVEN' })).toBe(2)
    expect(await films.deadLetters.count()).toEqual(new Map([['search', 1]]))
    await wal.close()
  })

  it('lets a blocked key go on once its letter is redriven, the mended record first', async () => {
    const search = new ScriptedTarget(poisoned)
    const { wal, films } = await filmsWal({ search }, { onDeadLetter: 'block' })
    for (const title of ['', '2', '3']) await films.write({ key: 'a', payload: { title } })
    await films.write({ key: 'b', payload: { title: 'b' } })
    await wal.start()
    const { films: blocked } = await wal.drain()
    expect(blocked['search']).toMatchObject({ applied: 1, dead: 1, blocked: 2, pending: 0 })
    await films.deadLetters.redrive('all', { edit: () => ({ payload: { title: '1' } }) })
    await wal.drain()
    expect(search.titles.filter((title) => title !== 'b')).toEqual(['', '1', '2', '3'])
    await wal.close()
  })

  it('lets a blocked key go on once its letter is discarded', async () => {
    const search = new ScriptedTarget(poisoned)
    const { wal, films } = await filmsWal({ search }, { onDeadLetter: 'block' })
    for (const title of ['', '2']) await films.write({ key: 'a', payload: { title } })
    await wal.start()
    await wal.drain()
    await films.deadLetters.discard('all')
    await wal.drain()
    expect(search.titles).toEqual(['', '2'])
    await wal.close()
  })

  it('drops by name only: with dead letters off the record is lost and said to be', async () => {
    const lost: unknown[] = []
    const { wal, films } = await filmsWal(
      { search: new ScriptedTarget(poisoned) },
      { deadLetters: 'off' },
    )
    wal.on('lost', (event) => lost.push(event.record.key))
    await films.write({ key: 'a', payload: { title: '' } })
    await wal.start()
    const { films: report } = await wal.drain()
    expect(report['search']).toMatchObject({ lost: 1, dead: 0 })
    expect(lost).toEqual(['a'])
    expect((await films.deadLetters.list()).letters).toEqual([])
    await wal.close()
  })
})

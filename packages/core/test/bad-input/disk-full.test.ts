import { describe, expect, it } from 'vitest'
import { permanent, type Receipt, type Target } from '../../src/index.ts'
import {
  expectDelivered,
  type Film,
  openFilms,
  storedTitles,
  storeFilms,
  TitlesTarget,
} from './support/films-wal.ts'
import { type SmallDisk, smallDisks } from './support/small-disk.ts'

type Films = Awaited<ReturnType<typeof openFilms>>['films']

const atOnce = 32
const most = 20_000

/** Writes until the disk takes no more; answers what became of each, by its title. */
async function writeUntilFull(films: Films): Promise<ReadonlyMap<string, Receipt>> {
  const receipts = new Map<string, Receipt>()
  for (let first = 0; first < most; first += atOnce) {
    const titles = Array.from({ length: atOnce }, (_, index) => `film ${first + index}`)
    const written = await Promise.all(
      titles.map((title) => films.tryWrite({ key: title, payload: { title, plot } })),
    )
    for (const [index, receipt] of written.entries()) receipts.set(titles[index] ?? '', receipt)
    if (written.some(({ durable }) => durable !== 'yes')) return receipts
  }
  throw new Error(`the disk took ${most} records`)
}

const plot = 'x'.repeat(1000)

function titlesOf(receipts: ReadonlyMap<string, Receipt>, durable: string): string[] {
  return [...receipts].flatMap(([title, receipt]) => (receipt.durable === durable ? [title] : []))
}

/** The code of an error, and those of what caused it. */
function codesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return []
  return [Reflect.get(error, 'code'), ...codesOf(error.cause)]
}

/** Each once, in any order: every record has a key of its own. */
function expectSame(titles: readonly string[], wanted: readonly string[]): void {
  expect(titles.toSorted()).toEqual(wanted.toSorted())
}

/** What a target sees that is given everything in the log from the beginning. */
async function everythingIn(disk: SmallDisk): Promise<readonly string[]> {
  const audit = new TitlesTarget()
  const { wal } = await openFilms(disk.directory, { targets: { audit } as never })
  await wal.start()
  await wal.drain()
  await wal.close()
  return audit.titles
}

describe.each(smallDisks)('$name', ({ make }) => {
  it('answers no when it is full, delivers on, and takes writes once there is room', async () => {
    const disk = await make()
    const { wal, films, store } = await openFilms(disk.directory, { fileSystem: disk.fileSystem })
    const errors: string[] = []
    wal.on('error', ({ error }) => errors.push(error.code))
    await films.write({ key: 'first', payload: { title: 'first' } })
    await disk.fill()
    const receipts = await writeUntilFull(films)
    const acknowledged = ['first', ...titlesOf(receipts, 'yes')]
    expect(titlesOf(receipts, 'unknown')).toEqual([])
    // As much as did not fit before: there may be room for less.
    const late = { title: 'late', plot: plot.repeat(atOnce) }
    await expect(films.write({ key: 'late', payload: late })).rejects.toMatchObject({
      code: 'ERR_NOT_DURABLE',
      retryable: true,
      receipt: { durable: 'no' },
      cause: { code: 'ERR_DISK_FULL', retryable: true },
    })
    await wal.start()
    await wal.drain({ timeout: '8s' })
    expectSame(store.titles, acknowledged)
    expect(errors.filter((code) => code !== 'ERR_DISK_FULL')).toEqual([])

    await disk.makeRoom()
    await films.write({ key: 'after', payload: { title: 'after' } })
    await wal.drain({ timeout: '8s' })
    expectSame(store.titles, [...acknowledged, 'after'])
    await wal.close()
    expectSame(await everythingIn(disk), [...acknowledged, 'after'])
    await expectDelivered(wal, disk.directory, [])
  })

  it('when full, is opened and delivered from all the same', async () => {
    const disk = await make()
    await storeFilms(disk.directory)
    await disk.fill()
    for (let attempt = 0; attempt < 2; attempt++) {
      const { wal, store } = await openFilms(disk.directory, { fileSystem: disk.fileSystem })
      wal.on('error', ({ error }) => expect(error.code).toBe('ERR_DISK_FULL'))
      await wal.start()
      await wal.drain()
      // What was delivered then may have been forgotten, for want of room to note it.
      if (attempt === 0) expect(store.titles).toEqual(storedTitles)
      await wal.close()
    }
    await disk.makeRoom()
    const { wal } = await openFilms(disk.directory, { fileSystem: disk.fileSystem })
    await wal.start()
    await wal.drain()
    await expectDelivered(wal, disk.directory, [])
  })

  it('when full, is no place to begin a log until there is room', async () => {
    const disk = await make()
    await disk.fill()
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(
        openFilms(disk.directory, { fileSystem: disk.fileSystem }),
      ).rejects.toMatchObject({
        code: 'ERR_DISK_FULL',
        message: expect.stringContaining(disk.directory),
        retryable: true,
      })
    }
    await disk.makeRoom()
    const { wal } = await openFilms(disk.directory, { fileSystem: disk.fileSystem })
    await wal.close()
  })

  it('when full, is closed without harm', async () => {
    const disk = await make()
    const { wal, films, store } = await openFilms(disk.directory, { fileSystem: disk.fileSystem })
    const errors: string[] = []
    wal.on('error', ({ error }) => errors.push(error.code))
    await wal.start()
    await films.write({ key: 'first', payload: { title: 'first' } })
    await disk.fill()
    const receipts = await writeUntilFull(films)
    await wal.close()
    expect(errors.filter((code) => code !== 'ERR_DISK_FULL')).toEqual([])
    await disk.makeRoom()
    const acknowledged = ['first', ...titlesOf(receipts, 'yes')]
    expectSame(await everythingIn(disk), acknowledged)
    const { wal: next, store: rest } = await openFilms(disk.directory)
    await next.start()
    await next.drain()
    expectSame([...new Set([...store.titles, ...rest.titles])], acknowledged)
  })

  it('when full, drops no record whose dead letter has no room, and parks it later', async () => {
    const disk = await make()
    const store: Target<Film> = {
      idempotency: 'version',
      async apply(records) {
        return records.map(({ key }) =>
          key === 'bad' ? permanent('BAD', 'never') : { status: 'applied' },
        )
      },
    }
    const { wal, films } = await openFilms(disk.directory, {
      fileSystem: disk.fileSystem,
      targets: { store },
    })
    await films.write({ key: 'bad', payload: { title: 'x'.repeat(20_000) } })
    await films.write({ key: 'good', payload: { title: 'good' } })
    await disk.fill()
    const failed = new Promise<readonly unknown[]>((resolve) => {
      wal.on('error', ({ error }) => {
        if (error.code === 'ERR_DLQ_WRITE') resolve(codesOf(error))
      })
    })
    await wal.start()
    expect(await failed).toContain('ERR_DISK_FULL')
    expect(await wal.drain({ timeout: 200 })).toMatchObject({
      films: { store: { dead: 0, pending: 1 } },
    })
    await disk.makeRoom()
    expect(await wal.drain({ timeout: '8s' })).toMatchObject({
      films: { store: { dead: 1, pending: 0 } },
    })
    expect((await films.deadLetters.list()).letters).toMatchObject([{ code: 'BAD' }])
    await expectDelivered(wal, disk.directory, [])
  })
})

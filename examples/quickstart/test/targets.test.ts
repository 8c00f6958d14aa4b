import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applied, superseded, type Target, type WalRecord } from '@daybook/core'
import type { Film } from '@daybook/example-films'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { filmsTable } from '../src/films-table.ts'
import { searchIndex } from '../src/search-index.ts'
import { lockFile } from '../src/stage/outage.ts'
import { readDatabase, readSearch } from '../src/stage/read-back.ts'

const alien: Film = {
  title: 'Alien',
  released: '1979-05-25',
  director: 'Ridley Scott',
  genre: 'Horror',
  rating: 8.5,
  votes: 180_387,
}

const targets = [
  { name: 'filmsTable', open: filmsTable, read: readDatabase, refusal: 'film_has_a_title' },
  { name: 'searchIndex', open: searchIndex, read: readSearch, refusal: 'no_title' },
]

describe.each(targets)('$name', ({ open, read, refusal }) => {
  let directory: string
  let file: string
  let target: Target<Film>

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'daybook-quickstart-'))
    file = join(directory, 'store.sqlite')
    target = open(file)
  })

  afterEach(async () => {
    await target.close?.()
    await rm(directory, { recursive: true })
  })

  const apply = (...records: readonly WalRecord<Film>[]) =>
    target.apply(records, {
      namespace: 'films',
      target: 'any',
      signal: new AbortController().signal,
      attempts: records.map(() => 1),
    })
  const titles = () => read(file).rows.map(({ content: [title] }) => title)

  it('keeps a film, and still has it when opened again', async () => {
    expect(await apply(put('a', 1n, alien))).toEqual([applied])
    await target.close?.()
    target = open(file)
    expect(read(file).rows).toEqual([{ key: 'a', content: read(file).contentOf(alien) }])
  })

  it('keeps a film of which little is known', async () => {
    const film = { title: 'Metropolis' }
    expect(await apply(put('a', 1n, film))).toEqual([applied])
    expect(read(file).rows).toEqual([{ key: 'a', content: read(file).contentOf(film) }])
  })

  it('takes the same change twice for the same change', async () => {
    await apply(put('a', 1n, alien))
    expect(await apply(put('a', 1n, alien))).toEqual([applied])
    expect(read(file).history).toEqual([{ key: 'a', version: 1n }])
    expect(titles()).toEqual(['Alien'])
  })

  it('leaves out a change older than what it has', async () => {
    await apply(put('a', 2n, { ...alien, title: 'Newer' }))
    expect(await apply(put('a', 1n, alien))).toEqual([superseded])
    expect(titles()).toEqual(['Newer'])
  })

  it('does not bring a deleted film back for an older change, but does for a newer one', async () => {
    await apply(put('a', 1n, alien))
    expect(await apply(remove('a', 3n))).toEqual([applied])
    expect(await apply(put('a', 2n, alien))).toEqual([superseded])
    expect(titles()).toEqual([])
    expect(await apply(put('a', 4n, alien))).toEqual([applied])
    expect(titles()).toEqual(['Alien'])
  })

  it('tells versions apart that are too large for a JavaScript number', async () => {
    const large = 2n ** 62n
    await apply(put('a', large + 1n, alien))
    expect(await apply(put('a', large, alien))).toEqual([superseded])
    expect(read(file).history).toEqual([{ key: 'a', version: large + 1n }])
  })

  it('refuses a film without a title, and takes those beside it', async () => {
    const outcomes = await apply(
      put('a', 1n, alien),
      put('b', 2n, { ...alien, title: null }),
      put('c', 3n, { ...alien, title: 'Aliens' }),
    )
    expect(outcomes).toMatchObject([
      { status: 'applied' },
      { status: 'permanent', code: refusal },
      { status: 'applied' },
    ])
    expect(titles()).toEqual(['Alien', 'Aliens'])
    expect(read(file).history.map(({ key }) => key)).toEqual(['a', 'c'])
  })

  it('says that it is unavailable while its file is locked, and changes nothing', async () => {
    const lock = lockFile(file)
    expect(await apply(put('a', 1n, alien), put('b', 2n, alien))).toMatchObject([
      { status: 'unavailable', code: 'SQLITE_BUSY' },
      { status: 'unavailable', code: 'SQLITE_BUSY' },
    ])
    lock.end()
    expect(await apply(put('a', 1n, alien))).toEqual([applied])
  })
})

it('searchIndex refuses a number for a title, and filmsTable a film from the future', async () => {
  const table = filmsTable(':memory:')
  const index = searchIndex(':memory:')
  const context = {
    namespace: 'films',
    target: 'any',
    signal: new AbortController().signal,
    attempts: [1],
  }
  const numbered = put('a', 1n, { ...alien, title: 1776 })
  const future = put('b', 1n, { ...alien, released: '2039-12-15' })
  expect(await index.apply([numbered], context)).toMatchObject([{ code: 'title_is_a_number' }])
  expect(await table.apply([numbered], context)).toEqual([applied])
  expect(await table.apply([future], context)).toMatchObject([{ code: 'released_before_2012' }])
  expect(await index.apply([future], context)).toEqual([applied])
})

function put(key: string, version: bigint, payload: Film): WalRecord<Film> {
  return { ...fields, op: 'put', id: `${key}-${version}`, key, version, payload }
}

function remove(key: string, version: bigint): WalRecord<Film> {
  return { ...fields, op: 'delete', id: `${key}-${version}`, key, version, payload: undefined }
}

const fields = {
  namespace: 'films',
  headers: {},
  writtenAt: 0,
  dueAt: undefined,
  origin: 'local',
  target: undefined,
  transaction: undefined,
  attemptEpoch: 0,
  traceContext: undefined,
  encryptionKeyId: undefined,
}

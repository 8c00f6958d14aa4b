import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openFilmWal } from '../src/film-wal.ts'
import { IndexedFilms } from '../src/indexed-films.ts'
import { connect } from '../src/tables.ts'

const film = { id: 'a', title: 'M', director: 'Lang', genre: null }

test('the service of indexed films does not start while changes of an earlier process are not in the tables', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'daybook-indexed-films-'))
  // Nobody listens there.
  const client = connect({ host: '127.0.0.1', port: 1 })
  try {
    const earlier = await openFilmWal(directory, client)
    await earlier.namespace('films').write({ key: 'a', target: 'films', payload: film })
    await earlier.close()

    const wal = await openFilmWal(directory, client)
    wal.on('error', () => {})
    const opening = new IndexedFilms(wal, client).open('300ms')
    await expect(opening).rejects.toThrow('still has changes to apply (films: 1)')
    await wal.close()
  } finally {
    await client.shutdown()
    rmSync(directory, { recursive: true, force: true })
  }
})

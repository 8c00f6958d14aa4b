import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Target } from '@daybook/core'
import { targetConformance } from '@daybook/core/testing'
import type { Film } from '@daybook/example-films'
import { describe, it } from 'vitest'
import { filmsTable } from '../src/films-table.ts'
import { searchIndex } from '../src/search-index.ts'

/** The suite that ships with Daybook, for anybody who writes a target. */
function passesTheSuite(name: string, open: (file: string) => Target<Film>, query: string): void {
  const cases = targetConformance<Film>({
    create: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'daybook-quickstart-'))
      const file = join(directory, 'store.sqlite')
      return {
        target: open(file),
        read: async (key) => readFilm(file, query, key),
        dispose: () => rm(directory, { recursive: true }),
      }
    },
    put: (key, number) => ({
      title: `${key} part ${number}`,
      released: '1979-05-25',
      director: 'Ridley Scott',
      genre: 'Horror',
      rating: number,
    }),
    refused: () => ({ title: null }),
    runs: 5,
    seed: Number(process.env['DAYBOOK_SEED']),
  })
  describe(name, () => {
    for (const { name: demand, run } of cases) it(demand, run, 60_000)
  })
}

function readFilm(file: string, query: string, key: string): unknown {
  using store = new DatabaseSync(file, { readOnly: true })
  const row = store.prepare(query).get(key)
  return row && { ...row }
}

const fields = 'title, released, director, genre, rating'
passesTheSuite(
  'filmsTable in the target suite',
  filmsTable,
  `SELECT ${fields} FROM films WHERE key = ? AND NOT deleted`,
)
passesTheSuite(
  'searchIndex in the target suite',
  searchIndex,
  `SELECT ${fields} FROM words WHERE key = ?`,
)

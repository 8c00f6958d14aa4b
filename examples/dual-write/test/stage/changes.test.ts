import { expect, test } from 'vitest'
import { readFilms } from '../../src/film.ts'
import { changesOf, idOf } from '../../src/stage/changes.ts'

test('all films of the data set are put, each with a date that both stores can read', async () => {
  const films = await readFilms()
  const changes = changesOf(films)
  expect(films).toHaveLength(3_201)
  expect(new Set(changes.map(idOf)).size).toBe(3_201)
  expect(films.filter(({ released }) => !/^\d{4}-(0[1-9]|1[012])-\d\d$/.test(released))).toEqual([])
  const deletes = changes.filter(({ op }) => op === 'delete')
  expect(deletes).toHaveLength(64)
  expect(changes).toHaveLength(3_201 + 2 * 160 + 64 + 32)
})

import { expect, test } from 'vitest'
import type { Film } from '../../src/film.ts'
import { changeOf, indexes } from '../../src/indexes.ts'
import { checkTables, type Reading } from '../../src/stage/check.ts'

const film = (id: string, director: string | null, genre: string | null = 'Drama'): Film => ({
  ...{ id, title: `Title of ${id}`, director, genre },
})
const films = [film('a', 'Lang'), film('b', 'Lang', null), film('c', null)]
const expected = new Map(films.map((one): [string, Film] => [one.id, one]))
const title = (id: string): { id: string; title: string } => ({ id, title: `Title of ${id}` })
const right: Reading = {
  films: expected,
  byDirector: [
    { director: 'Lang', ...title('a') },
    { director: 'Lang', ...title('b') },
  ],
  byGenre: [
    { genre: 'Drama', ...title('a') },
    { genre: 'Drama', ...title('c') },
  ],
}
const nothing = { wrong: [], missing: [], stale: [], different: [] }

test('a table and indexes that hold the same are right', () => {
  expect(checkTables(right, expected)).toEqual(nothing)
})

test('a film that an index does not find is missing', () => {
  expect(checkTables({ ...right, byGenre: right.byGenre.slice(1) }, expected)).toEqual({
    ...nothing,
    missing: ['byGenre lacks {"genre":"Drama","id":"a"}'],
  })
})

test('a row that a film had once is stale, and so is one of a film that is gone', () => {
  const byDirector = [
    ...right.byDirector,
    { director: 'Hawks', ...title('a') },
    { director: 'Lang', ...title('d') },
  ]
  expect(checkTables({ ...right, byDirector }, expected)).toEqual({
    ...nothing,
    stale: [
      'byDirector still has {"director":"Hawks","id":"a"}',
      'byDirector still has {"director":"Lang","id":"d"}',
    ],
  })
})

test('a row with an older title is different', () => {
  const [first, ...rest] = right.byDirector
  const byDirector = [{ director: 'Lang', id: first?.id ?? '', title: 'Working title' }, ...rest]
  expect(checkTables({ ...right, byDirector }, expected)).toEqual({
    ...nothing,
    different: [`byDirector has 'Working title' for a, 'Title of a'`],
  })
})

test('a film that is not as its last change left it is wrong, whatever the indexes say', () => {
  const later = new Map([...expected, ['b', film('b', 'Lang', 'Noir')], ['d', film('d', null)]])
  later.delete('c')
  expect(checkTables(right, later as ReadonlyMap<string, Film>)).toEqual({
    ...nothing,
    wrong: [
      "b is 'Title of b' of Lang, null, and should be 'Title of b' of Lang, Noir",
      "c is 'Title of c' of null, Drama, and should be not there",
      "d is not there, and should be 'Title of d' of null, Drama",
    ],
  })
})

test('a film that changes hands leaves one row of an index and gets another, in one change', () => {
  const [byDirector, byGenre] = indexes
  if (byDirector === undefined || byGenre === undefined) throw new Error('there are two indexes')
  const [before, now] = [film('a', 'Lang'), film('a', 'Hawks')]
  expect(changeOf(byDirector, before, now)).toEqual({
    removed: { director: 'Lang', id: 'a' },
    put: { director: 'Hawks', ...title('a') },
  })
  expect(changeOf(byGenre, before, now)).toEqual({
    removed: undefined,
    put: { genre: 'Drama', ...title('a') },
  })
  expect(changeOf(byGenre, before, undefined)).toEqual({
    removed: { genre: 'Drama', id: 'a' },
    put: undefined,
  })
})

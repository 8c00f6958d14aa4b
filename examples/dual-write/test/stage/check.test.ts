import { expect, test } from 'vitest'
import type { Film } from '../../src/film.ts'
import type { Acknowledged, StoredFilm, StoreReading } from '../../src/stage/check.ts'
import { checkStore, differences } from '../../src/stage/check.ts'

const film = (id: string, rating = 7): Film => ({
  ...{ id, title: `Title of ${id}`, released: '1979-05-25', director: null, genre: null },
  ...{ rating, votes: 10 },
})
const put = (id: string, version: bigint, rating = 7): Acknowledged => ({
  change: { op: 'put', film: film(id, rating) },
  version,
})
const gone = (id: string, version: bigint): Acknowledged => ({
  change: { op: 'delete', id },
  version,
})
const reading = (...films: readonly (readonly [Film, bigint])[]): StoreReading => ({
  store: 'Cassandra',
  films: new Map(
    films.map(([film, version]): [string, StoredFilm] => [film.id, { film, version }]),
  ),
})

const acknowledged = [put('a', 1n), put('b', 2n), put('a', 3n, 8), put('c', 4n), gone('c', 5n)]
const right = [[film('a', 8), 3n] as const, [film('b'), 2n] as const]

test('a store that holds the last change of each film is right', () => {
  expect(checkStore(reading(...right), acknowledged)).toEqual({
    ...{ store: 'Cassandra', held: 2, lost: [], risen: [], wrong: [] },
  })
})

test('a film that is missing, or as an older change left it, is lost', () => {
  expect(checkStore(reading([film('a'), 1n]), acknowledged).lost).toEqual([
    'Cassandra has a as of 1, not 3',
    'Cassandra lacks b',
  ])
})

test('a deleted film that is there again has risen, and so has one that nobody wrote', () => {
  const { risen } = checkStore(reading(...right, [film('c'), 4n], [film('d'), 9n]), acknowledged)
  expect(risen.map((line) => line.slice(0, 17))).toEqual(['Cassandra holds c', 'Cassandra holds d'])
})

test('a film with another content than its last change is wrong, and so is one from the future', () => {
  const found = checkStore(reading([film('a', 1), 3n], [film('b'), 99n]), acknowledged)
  expect(found.wrong).toHaveLength(2)
  expect(found.lost).toEqual([])
})

test('two stores differ by what only one holds, by content and by version', () => {
  const [a, b, c] = [film('a'), film('b'), film('c')]
  const one = reading([a, 1n], [b, 1n], [c, 1n])
  const other = { ...reading([a, 2n], [{ ...b, votes: 0 }, 1n]), store: 'Elasticsearch' }
  expect(differences(one, other)).toEqual(
    ['a', 'b', 'c'].map((id) => `${id} is not the same in Cassandra and Elasticsearch`),
  )
  expect(differences(one, { ...one, store: 'Elasticsearch' })).toEqual([])
})

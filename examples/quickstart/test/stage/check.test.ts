import type { Film } from '@daybook/example-films'
import { describe, expect, it } from 'vitest'
import {
  type Acknowledged,
  type Content,
  changeName,
  checkStore,
  type Exceptions,
  type StoreReading,
} from '../../src/stage/check.ts'

const alien: Film = {
  title: 'Alien',
  released: '1979-05-25',
  director: 'Ridley Scott',
  genre: 'Horror',
  rating: 8.5,
  votes: 180_387,
}
const aliens: Film = { ...alien, title: 'Aliens', released: '1986-07-18' }

/** Two films, of which the first was changed once; and a third, saved and deleted. */
const acknowledged: readonly Acknowledged[] = [
  { change: { op: 'put', key: 'a', film: alien }, version: 1n },
  { change: { op: 'put', key: 'b', film: aliens }, version: 2n },
  { change: { op: 'put', key: 'a', film: { ...alien, votes: 200_000 } }, version: 3n },
  { change: { op: 'put', key: 'c', film: { ...alien, title: 'Alien³' } }, version: 4n },
  { change: { op: 'delete', key: 'c' }, version: 5n },
]

function contentOf({ title, released, votes }: Film): Content {
  return [String(title), released ?? null, votes ?? null]
}

/** A store in which all of that went well, but for what a test changes. */
function store(changes: Partial<StoreReading> = {}): StoreReading {
  return {
    target: 'database',
    rows: [
      { key: 'a', content: contentOf({ ...alien, votes: 200_000 }) },
      { key: 'b', content: contentOf(aliens) },
    ],
    history: acknowledged.map(({ change: { key }, version }) => ({ key, version })),
    contentOf,
    ...changes,
  }
}

const noExceptions: Exceptions = { dead: new Set(), superseded: new Set(), mended: new Map() }
const nothing = { lost: [], duplicates: [], outOfOrder: [], diverged: [] }

describe('checkStore', () => {
  it('finds nothing where every change arrived once, in order', () => {
    expect(checkStore(store(), acknowledged, noExceptions)).toEqual(nothing)
  })

  it('does not mind the order in which answers came', () => {
    expect(checkStore(store(), acknowledged.toReversed(), noExceptions)).toEqual(nothing)
  })

  it('does not mind a change that was stored but never acknowledged', () => {
    const history = [...store().history.slice(0, 2), { key: 'a', version: 2n }]
    const reading = store({ history: [...history, ...store().history.slice(2)] })
    expect(checkStore(reading, acknowledged, noExceptions)).toEqual(nothing)
  })

  it('detects a lost row', () => {
    const reading = store({ rows: store().rows.filter(({ key }) => key !== 'b') })
    expect(checkStore(reading, acknowledged, noExceptions)).toEqual({
      ...nothing,
      lost: ['b is missing from database'],
    })
  })

  it('counts a film once that never arrived, and so has no row either', () => {
    const reading = store({
      rows: store().rows.filter(({ key }) => key !== 'b'),
      history: store().history.filter(({ key }) => key !== 'b'),
    })
    const { lost } = checkStore(reading, acknowledged, noExceptions)
    expect(lost).toEqual(['b@2 never arrived at database'])
  })

  it('detects a lost change, also where a later one hides it', () => {
    const reading = store({ history: store().history.filter(({ version }) => version !== 1n) })
    expect(checkStore(reading, acknowledged, noExceptions)).toEqual({
      ...nothing,
      lost: ['a@1 never arrived at database'],
    })
  })

  it('takes a redriven change that was superseded, or one that waits as a dead letter, for accounted for', () => {
    const withoutFirst = store({ history: store().history.filter(({ version }) => version !== 1n) })
    const superseded = { ...noExceptions, superseded: new Set([changeName('a', 1n)]) }
    const redriven = { ...superseded, mended: new Map([[changeName('a', 1n), alien]]) }
    expect(checkStore(withoutFirst, acknowledged, redriven)).toEqual(nothing)

    const refused = store({
      rows: store().rows.filter(({ key }) => key !== 'b'),
      history: store().history.filter(({ key }) => key !== 'b'),
    })
    const dead = { ...noExceptions, dead: new Set([changeName('b', 2n)]) }
    expect(checkStore(refused, acknowledged, dead)).toEqual(nothing)
  })

  it('detects a row that is there twice', () => {
    const [first, second] = store().rows
    const reading = store({ rows: [first, second, second].filter((row) => row !== undefined) })
    expect(checkStore(reading, acknowledged, noExceptions)).toEqual({
      ...nothing,
      duplicates: ['database has b more than once'],
    })
  })

  it('detects a film that is there under two keys', () => {
    const reading = store({ rows: [...store().rows, { key: 'd', content: contentOf(aliens) }] })
    const { duplicates } = checkStore(reading, acknowledged, noExceptions)
    expect(duplicates).toEqual(['database has Aliens (1986-07-18) more than once'])
  })

  it('detects a change that was applied twice', () => {
    const reading = store({ history: [...store().history, { key: 'c', version: 5n }] })
    expect(checkStore(reading, acknowledged, noExceptions)).toEqual({
      ...nothing,
      duplicates: ['database applied c@5 more than once'],
    })
  })

  it('detects changes applied in the wrong order, though the row ends up right', () => {
    const reading = store({ history: store().history.toReversed() })
    expect(checkStore(reading, acknowledged, noExceptions)).toEqual({
      ...nothing,
      outOfOrder: ['database applied c@4 after 5', 'database applied a@1 after 3'],
    })
  })

  it('detects a change that the guard turned away since a later one had overtaken it', () => {
    const withoutFirst = store({ history: store().history.filter(({ version }) => version !== 1n) })
    const superseded = { ...noExceptions, superseded: new Set([changeName('a', 1n)]) }
    expect(checkStore(withoutFirst, acknowledged, superseded)).toEqual({
      ...nothing,
      outOfOrder: ['a@1 came to database after a newer change'],
    })
  })

  it('detects a row with other contents than were acknowledged last', () => {
    const stale = { key: 'a', content: contentOf(alien) }
    const rows = store().rows.map((row) => (row.key === 'a' ? stale : row))
    const { diverged, ...others } = checkStore(store({ rows }), acknowledged, noExceptions)
    expect(others).toEqual({ lost: [], duplicates: [], outOfOrder: [] })
    expect(diverged).toHaveLength(1)
    expect(diverged[0]).toMatch(/database holds a as .*180387.*, not .*200000/)
  })

  it('detects a deleted film that came back, and one that nobody saved', () => {
    const back = { key: 'c', content: contentOf({ ...alien, title: 'Alien³' }) }
    const stranger = { key: 'z', content: contentOf({ ...alien, title: 'Zardoz' }) }
    const reading = store({ rows: [...store().rows, back, stranger] })
    expect(checkStore(reading, acknowledged, noExceptions).diverged).toHaveLength(2)
  })

  it('expects of a mended dead letter what it was mended to', () => {
    const mended = { ...aliens, title: 'Aliens, mended' }
    const exceptions = { ...noExceptions, mended: new Map([[changeName('b', 2n), mended]]) }
    expect(checkStore(store(), acknowledged, exceptions).diverged).toHaveLength(1)

    const rows = [...store().rows.slice(0, 1), { key: 'b', content: contentOf(mended) }]
    expect(checkStore(store({ rows }), acknowledged, exceptions)).toEqual(nothing)
  })
})

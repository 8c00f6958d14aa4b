import { describe, expect, it } from 'vitest'
import type { Film } from '../../src/film.ts'
import { type Acknowledged, checkConsumer, type Reading } from '../../src/stage/check.ts'

const alien: Film = { title: 'Alien', released: '1979-05-25', director: 'R. Scott', rating: 8.5 }
const put = (key: string, version: bigint, film = alien): Acknowledged => ({
  change: { op: 'put', key, film },
  version,
})

/** Two films, of which the first was changed once; and a third, saved and deleted. */
const acknowledged: readonly Acknowledged[] = [
  put('a', 1n),
  put('b', 2n),
  put('a', 3n, { ...alien, rating: 9 }),
  put('c', 4n),
  { change: { op: 'delete', key: 'c' }, version: 5n },
]
const arrivals = acknowledged.map(({ change: { key }, version }) => ({ key, version }))

/** A consumer to which all came as it should, but for what a test changes. */
function consumer(different: Partial<Reading> = {}): Reading {
  const films = new Map([['a', 9] as const, ['b', 8.5] as const])
  return { consumer: 'it', films, arrivals, contentOf: ({ rating }) => rating, ...different }
}

const nothing = { lost: [], outOfOrder: [], diverged: [] }

describe('the check of a consumer', () => {
  it('finds nothing where every change came, in the order of its film', () => {
    expect(checkConsumer(consumer(), acknowledged)).toEqual(nothing)
  })

  it('does not mind what comes again, or a film that the consumer has no place for', () => {
    const again = [...arrivals, { key: 'a', version: 1n }]
    expect(checkConsumer(consumer({ arrivals: again }), acknowledged)).toEqual(nothing)
    const placeless = consumer({ films: new Map(), contentOf: () => undefined })
    expect(checkConsumer(placeless, acknowledged)).toEqual(nothing)
  })

  it('finds a change that never came, also if a later one hides it', () => {
    const found = checkConsumer(consumer({ arrivals: arrivals.slice(1) }), acknowledged)
    expect(found).toEqual({ ...nothing, lost: ['a@1 never came to it'] })
  })

  it('finds a change that first came after a later one of its film', () => {
    const found = checkConsumer(consumer({ arrivals: arrivals.toReversed() }), acknowledged)
    expect(found.outOfOrder).toEqual(['c@4 came to it after 5', 'a@1 came to it after 3'])
  })

  it('finds a film that is as it was before, is missing, was deleted, or that nobody wrote', () => {
    const diverged = (...films: readonly (readonly [string, number])[]) =>
      checkConsumer(consumer({ films: new Map(films) }), acknowledged).diverged
    expect(diverged(['a', 8.5], ['b', 8.5])).toEqual(['it holds a as 8.5, not 9'])
    expect(diverged(['a', 9])).toEqual(['it holds b as undefined, not 8.5'])
    expect(diverged(['a', 9], ['b', 8.5], ['c', 8.5])).toHaveLength(1)
    expect(diverged(['a', 9], ['b', 8.5], ['d', 1])).toHaveLength(1)
  })
})

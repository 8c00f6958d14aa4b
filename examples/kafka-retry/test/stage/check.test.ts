import { describe, expect, it } from 'vitest'
import type { Rating } from '../../src/rating.ts'
import { check, repeats, type StoreReading } from '../../src/stage/check.ts'

const rating = (film: string, number: number, stars: number | null = 7): Rating => ({
  ...{ id: `${film}${number}`, film, number, stars },
})
const sent = [rating('a', 1), rating('b', 1), rating('a', 2, 8), rating('c', 1, null)]
const right: StoreReading = {
  taken: new Set(['a1', 'a2', 'b1']),
  sums: new Map([
    ['a', { ratings: 2, stars: 15 }],
    ['b', { ratings: 1, stars: 7 }],
  ]),
}
const dead = new Set(['c1'])
const nothing = { lost: [], outOfOrder: [], unhandled: [], miscounted: [], wronglyDead: [] }

describe('the check of ratings through Kafka', () => {
  it('finds nothing where all came, in the order of their films, and were counted once', () => {
    expect(check(sent, sent, right, dead)).toEqual(nothing)
  })

  it('does not mind what is in the topic twice, and counts it', () => {
    const topic = [...sent, rating('a', 1)]
    expect(check(sent, topic, right, dead)).toEqual(nothing)
    expect(repeats(topic)).toBe(1)
    expect(repeats(sent)).toBe(0)
  })

  it('finds a rating that was called sent and is not in the topic', () => {
    expect(check(sent, sent.slice(1), right, dead)).toEqual({
      ...nothing,
      lost: ['rating 1 of a is not in the topic'],
    })
  })

  it('finds a rating that first came after a later one of its film', () => {
    expect(check(sent, sent.toReversed(), right, dead)).toEqual({
      ...nothing,
      outOfOrder: ['rating 1 of a came after 2'],
    })
  })

  it('finds a rating that is neither in the store nor a dead letter', () => {
    const taken = new Set(['a1', 'a2'])
    expect(check(sent, sent, { ...right, taken }, dead).unhandled).toEqual([
      'rating 1 of b was never handled',
    ])
  })

  it('finds a film whose ratings were added up twice, or not', () => {
    const sums = new Map([['a', { ratings: 3, stars: 22 }]])
    expect(check(sent, sent, { ...right, sums }, dead).miscounted).toEqual([
      'a has 3 ratings, 22 stars; not 2, 15',
      'b has 0 ratings, 0 stars; not 1, 7',
    ])
  })

  it('finds a dead letter that should be none, and one that is missing', () => {
    expect(check(sent, sent, right, new Set(['b1'])).wronglyDead).toEqual([
      'rating 1 of b is a dead letter',
      'rating 1 of c should be a dead letter',
    ])
  })
})

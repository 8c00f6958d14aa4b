import { describe, expect, it } from 'vitest'
import { comesBack, leaving, placeOf, trailOf } from '../../../src/target/forwarding/trail.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const random = new SeededRandom(Number(process.env['DAYBOOK_SEED']))

describe('the trail of a record', () => {
  it('grows by each place that it leaves, and keeps the other headers', () => {
    const first = leaving({ by: 'me' }, 'eu/a#1')
    expect(first).toEqual({ headers: { by: 'me', 'daybook-trail': 'eu/a#1' } })
    const { headers } = first as { headers: Record<string, string> }
    expect(leaving(headers, 'us/b#2')).toEqual({
      headers: { by: 'me', 'daybook-trail': 'eu/a#1 us/b#2' },
    })
    expect(trailOf({ 'daybook-trail': 'eu/a#1 us/b#2' })).toEqual(['eu/a#1', 'us/b#2'])
    expect(trailOf({})).toEqual([])
  })

  it('ends where the record was before, and after sixteen places', () => {
    expect(leaving({ 'daybook-trail': 'eu/a#1 us/b#2' }, 'eu/a#1')).toBe('returned')
    const places = Array.from({ length: 16 }, (_, at) => `eu/a#${at}`)
    expect(leaving({ 'daybook-trail': places.slice(1).join(' ') }, 'x/y#z')).toHaveProperty(
      'headers',
    )
    expect(leaving({ 'daybook-trail': places.join(' ') }, 'x/y#z')).toBe('lost')
  })

  it('is left alone by whoever is told no place', () => {
    const headers = { a: 'b' }
    expect(leaving(headers, undefined)).toEqual({ headers })
  })

  it('tells a record that comes back to this opening, or from another region to the namespace it left', () => {
    const back = (origin: string, trail: string) =>
      comesBack({ origin, headers: { 'daybook-trail': trail } }, 'eu/films#77')
    expect(back('eu', 'eu/films#77')).toBe(true)
    expect(back('us', 'us/x#1 eu/films#77 us/y#2')).toBe(true)
    expect(back('eu', 'eu/films#12 us/films#3')).toBe(true)
    expect(back('eu', 'eu/films#12')).toBe(false)
    // It has never been in films of its region, only in another namespace there.
    expect(back('eu', 'eu/archive#12 us/films#3')).toBe(false)
    expect(back('eu', 'eu/archive#12 us/films#3 eu/films#4 asia/films#5')).toBe(true)
    expect(back('us', 'us/films#3')).toBe(false)
    expect(comesBack({ origin: 'eu', headers: {} }, 'eu/films#77')).toBe(false)
  })

  it('has another name for each opening of a namespace', () => {
    const places = Array.from({ length: 1000 }, () => placeOf('eu', 'films', random))
    expect(new Set(places).size).toBe(1000)
    for (const place of places) expect(place).toMatch(/^eu\/films#[0-9a-f]{8}$/)
  })
})

import { readFilms } from '@daybook/example-films'
import { describe, expect, it } from 'vitest'
import { changesOf, correctedTitle } from '../../src/stage/changes.ts'

const films = await readFilms()
const changes = changesOf(films)
const byKey = Map.groupBy(changes, ({ key }) => key)

describe('changesOf', () => {
  it('saves every film, before anything else happens to it', () => {
    const first = [...byKey.values()].map(([change]) => change)
    expect(first).toHaveLength(films.length)
    expect(first.map((change) => change?.op === 'put' && change.film)).toEqual(films)
  })

  it('changes some films twice more, deletes some, and brings some of those back', () => {
    const stories = [...byKey.values()].map((story) => story.map(({ op }) => op).join(' '))
    const count = (story: string): number => stories.filter((one) => one === story).length
    expect(count('put put put')).toBeGreaterThan(100)
    expect(count('put delete')).toBeGreaterThan(20)
    expect(count('put delete put')).toBeGreaterThan(20)
  })

  it('says something new with each change, so that a wrong order cannot go unnoticed', () => {
    for (const story of byKey.values()) {
      const said = story.map((change) => JSON.stringify(change))
      for (const [index, one] of said.entries()) expect(one).not.toBe(said[index - 1])
    }
  })

  it('has an editor correct one of the films that came in with a number for a title', () => {
    const corrected = changes.filter((one) => one.op === 'put' && one.film.title === correctedTitle)
    expect(corrected).toHaveLength(1)
    expect(byKey.get(corrected[0]?.key ?? '')).toHaveLength(2)
  })
})

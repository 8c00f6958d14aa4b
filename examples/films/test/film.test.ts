import { describe, expect, it } from 'vitest'
import { readFilms } from '../src/film.ts'

const films = await readFilms()

describe('readFilms', () => {
  it('reads all of the films, each with a date', () => {
    expect(films).toHaveLength(3_201)
    expect(films.filter(({ released }) => !/^\d{4}-\d{2}-\d{2}$/.test(released ?? ''))).toEqual([])
  })

  it('leaves the dirt in: titles that are missing or numbers, and dates a century late', () => {
    expect(films.filter(({ title }) => title === null)).toHaveLength(1)
    expect(films.filter(({ title }) => typeof title === 'number')).toHaveLength(9)
    expect(films.filter(({ released }) => (released ?? '') >= '2012')).toHaveLength(22)
  })

  it('finds no film twice, so that a store that has one twice is wrong', () => {
    const names = films.map(({ title, released }) => `${title} ${released}`)
    expect(new Set(names).size).toBe(films.length)
  })
})

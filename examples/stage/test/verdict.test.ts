import { stripVTControlCharacters } from 'node:util'
import { describe, expect, it } from 'vitest'
import { isGood, verdictText } from '../src/verdict.ts'

const good = { zeros: { lost: [], early: [] }, missing: [] }
const textOf = (verdict: Parameters<typeof verdictText>[0]): string =>
  stripVTControlCharacters(verdictText(verdict))

describe('the verdict on an example', () => {
  it('is good only if nothing was found and nothing is missing', () => {
    expect(isGood(good)).toBe(true)
    expect(isGood({ ...good, zeros: { lost: [], early: ['a came early'] } })).toBe(false)
    expect(isGood({ ...good, missing: ['it was killed'] })).toBe(false)
  })

  it('has a figure for each word, and below them what is behind', () => {
    expect(textOf(good)).toBe('  0 lost, 0 early')
    const bad = { zeros: { lost: [], early: ['a came early'] }, missing: ['it was killed'] }
    expect(textOf(bad).split('\n')).toEqual([
      '  0 lost, 1 early',
      '    a came early',
      '  Not so: it was killed',
    ])
  })

  it('shows a few findings of many', () => {
    const lost = Array.from({ length: 900 }, (_, at) => `${at} is lost`)
    expect(textOf({ ...good, zeros: { lost } }).split('\n')).toHaveLength(6)
  })
})

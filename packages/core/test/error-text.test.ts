import { describe, expect, it } from 'vitest'
import { reasonOf, shown } from '../src/error-text.ts'

describe('the text of an error', () => {
  it('is its message, or what was thrown in place of one', () => {
    expect(reasonOf(new TypeError('no'))).toBe('no')
    expect([reasonOf('words'), reasonOf(undefined), reasonOf(7n)]).toEqual([
      'words',
      'undefined',
      '7',
    ])
  })

  it('quotes a text, shortens a long one, and does not print arrays', () => {
    expect([shown('k'), shown(null), shown(['k', {}])]).toEqual(["'k'", 'null', 'an array'])
    expect(shown('x'.repeat(1000))).toHaveLength(82)
  })
})

import { expect, test } from 'vitest'
import { cycle } from '../../src/harness/cycle.ts'

test('hands items out in turn, for ever', () => {
  const next = cycle(['a', 'b', 'c'])
  expect(Array.from({ length: 7 }, next).join('')).toBe('abcabca')
})

test('refuses to hand out nothing', () => {
  expect(() => cycle([])).toThrow(RangeError)
})

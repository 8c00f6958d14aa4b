import { expect, test } from 'vitest'
import { expectKept } from '../support/expect-kept.ts'

test('a suite of which every case passed is kept', () => {
  expectKept([])
  expectKept([{ name: 'keeps its order', failure: undefined }])
})

test('each case that failed is told whole, with what caused it', () => {
  const cause = new Error(`the broker said ${'no, '.repeat(200)}never`)
  const results = [
    { name: 'keeps its order', failure: undefined },
    { name: 'loses nothing', failure: new Error('one of 2 is missing', { cause }) },
    { name: 'hands out twice', failure: 'no more than a text' },
  ]
  const said = [
    /^2 of 3 cases failed\./,
    /✗ loses nothing\nError: one of 2 is missing/,
    new RegExp(cause.message),
    /✗ hands out twice\n'no more than a text'/,
  ]
  for (const part of said) expect(() => expectKept(results)).toThrow(part)
  expect(() => expectKept(results)).not.toThrow(/keeps its order/)
})

import { expect, test } from 'vitest'
import { testNames } from './test-names.ts'

const check = (text: string): readonly string[] => testNames(new Map([['a.test.ts', text]]))

test('objects to two tests of one name in a group', () => {
  const text = "describe('log', () => {\n  test('opens', run)\n  test('opens', run)\n})\n"
  expect(check(text)).toEqual(['a.test.ts:3: the test "log > opens" has the name of a.test.ts:2'])
})

test('objects to one name in two files', () => {
  const files = new Map([
    ['a.test.ts', "test('opens', run)"],
    ['b.test.ts', "\nit.concurrent('opens', run)"],
  ])
  expect(testNames(files)).toEqual(['b.test.ts:2: the test "opens" has the name of a.test.ts:1'])
})

test('takes one name in two groups, and other calls', () => {
  const text =
    "describe('a', () => test('opens', run))\ndescribe('b', () => test('opens', run))\n" +
    "log('x')\nlog('x')\npattern.test('x')\npattern.test('x')\n"
  expect(check(text)).toEqual([])
})

import { expect, test } from 'vitest'
import { numberOption, numbersOption, pathOption } from '../../src/harness/options.ts'

const bounds = { min: 1, max: 10 }

test('takes numbers within the bounds', () => {
  expect(numberOption({ rounds: 10 }, 'rounds', bounds)).toBe(10)
  expect(numberOption({ rounds: '1' }, 'rounds', bounds)).toBe(1)
  expect(numberOption({ seconds: 1.5 }, 'seconds', { ...bounds, whole: false })).toBe(1.5)
})

test.each([0, 11, 1.5, 'many', true, undefined, [1, 2]])(
  'refuses %j as a count from 1 to 10',
  (value) => {
    expect(() => numberOption({ rounds: value }, 'rounds', { min: 2, max: 10 })).toThrow(
      `--rounds is ${JSON.stringify(value)}`,
    )
  },
)

test('makes a path absolute, and refuses a missing one', () => {
  expect(pathOption({ directory: '/data/../disk' }, 'directory')).toBe('/disk')
  expect(() => pathOption({ directory: '' }, 'directory')).toThrow('--directory must be a path')
  expect(() => pathOption({ directory: ['a', 'b'] }, 'directory')).toThrow('given once')
})

test('takes one number or several with commas between', () => {
  expect(numbersOption({ payload: '1,10' }, 'payload', bounds)).toEqual([1, 10])
  expect(numbersOption({ payload: 5 }, 'payload', bounds)).toEqual([5])
})

test.each(['1,11', '1,,2', '', 'a,b', '1;2'])('refuses %j as a list of counts', (value) => {
  expect(() => numbersOption({ payload: value }, 'payload', bounds)).toThrow(
    `--payload is ${JSON.stringify(value)}; each number of it`,
  )
})

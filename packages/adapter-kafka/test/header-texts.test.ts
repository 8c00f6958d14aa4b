import { expect, test } from 'vitest'
import { digitsOf, repeatedText } from '../src/header-texts.ts'

test('a text that is the same as the one before is the right one, also where its bytes are used again', () => {
  const textOf = repeatedText()
  const bytes = Buffer.from('eu')
  expect(textOf(bytes)).toBe('eu')
  bytes.write('us')
  expect(['us', 'us', 'use', '', 'eu'].map((text) => textOf(Buffer.from(text)))).toEqual([
    ...['us', 'us', 'use', '', 'eu'],
  ])
  expect(textOf(bytes)).toBe('us')
})

test('digits are a number only where it is exact', () => {
  const all = ['0', '007', '1764000000000', '9007199254740991', '9007199254740992', '']
  const odd = ['12345678901234567', '-1', '1.5', '1e3', ' 1', 'x', 'é']
  const found = [...all, ...odd].map((text) => digitsOf(Buffer.from(text)))
  expect(found.slice(0, 4)).toEqual([0, 7, 1_764_000_000_000, Number.MAX_SAFE_INTEGER])
  expect(found.slice(4)).toEqual(new Array(9).fill(undefined))
})

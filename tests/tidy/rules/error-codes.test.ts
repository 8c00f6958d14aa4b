import { expect, test } from 'vitest'
import { errorCodes } from './error-codes.ts'

const source =
  "export type WalErrorCode =\n  | 'ERR_A' // a\n  | 'ERR_B'\n\nexport const x = 'ERR_C'\n"

function check(docs: string | undefined, errors = source): readonly string[] {
  const files = new Map([['packages/core/src/errors.ts', errors]])
  if (docs !== undefined) files.set('docs/errors.md', docs)
  return errorCodes(files)
}

test('takes a page with one heading for each code', () => {
  expect(check('# Errors\n\n## `ERR_A`\n\n### ERR_B: when\n')).toEqual([])
})

test('objects to a code without a heading', () => {
  expect(check('## ERR_A\n\nERR_B in passing\n')).toEqual([
    'docs/errors.md:1: no heading for ERR_B',
  ])
})

test('objects to a heading that is no code', () => {
  expect(check('## ERR_A\n## ERR_B\n## ERR_C\n')).toEqual([
    'docs/errors.md:3: ERR_C is no error code',
  ])
})

test('objects to a second heading for a code', () => {
  expect(check('## ERR_A\n## ERR_B\n## ERR_A\n')).toEqual([
    'docs/errors.md:3: a second heading for ERR_A',
  ])
})

test('objects where the page is missing or no code can be found', () => {
  expect(check(undefined)).toEqual(['docs/errors.md:1: missing'])
  expect(check('## ERR_A\n', 'const a = 1\n')).toHaveLength(1)
})

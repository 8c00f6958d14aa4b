import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { retryablesOf, saidOf, wrongWith } from './retryable.ts'

const root = dirname(dirname(import.meta.dirname))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

test('errors.md says of each code whether it is retryable, as the sources have it', () => {
  const files = globSync('packages/*/src/**/*.ts', { cwd: root })
  const sources = files.filter((file) => !file.includes('/testing/')).map(read)
  const page = read('docs/errors.md')
  const made = retryablesOf(sources)
  const wrong = [...made].flatMap(([code, answers]) => {
    const reason = wrongWith(saidOf(page, code), answers)
    return reason === undefined ? [] : [`${code} ${reason}`]
  })
  expect(made.size).toBeGreaterThan(40)
  expect(wrong).toEqual([])
})

test('an error whose page says otherwise is found', () => {
  const made = retryablesOf([
    "throw new WalError('ERR_A', 'a', { retryable: true })",
    "throw new WalError('ERR_B', 'b', { cause })",
    "const row = { code: 'ERR_C', retryable: cause.retryable }",
    "super('ERR_B', 'b', { cause, retryable: true })",
  ])
  expect(Object.fromEntries(made)).toEqual({
    ERR_A: new Set([true]),
    ERR_B: new Set([false, true]),
    ERR_C: new Set([undefined]),
  })
  const page = '## ERR_A\n_Retryable: no._\n\n## ERR_B\n_Retryable: as its cause._\n'
  expect(saidOf(page, 'ERR_A')).toBe('no')
  expect(wrongWith('no', new Set([true]))).toBe('is true, and the page says no')
  expect(wrongWith(saidOf(page, 'ERR_B'), new Set([false, true]))).toBeUndefined()
  expect(wrongWith(saidOf(page, 'ERR_C'), new Set([undefined]))).toMatch('depends')
})

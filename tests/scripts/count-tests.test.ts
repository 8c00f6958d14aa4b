import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { countTests, failuresIn, triedAgainIn } from '../../scripts/check/count-tests.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-count-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Writes a report with one file: how it ended, and how each of its tests did. */
function report(name: string, status: string, ...tests: string[]): string {
  const path = join(directory, name)
  const assertionResults = tests.map((ended) => ({ status: ended }))
  writeFileSync(path, JSON.stringify({ testResults: [{ status, assertionResults }] }))
  return path
}

test('adds up what several reports say', () => {
  const reports = [
    report('a.json', 'passed', 'passed', 'passed'),
    report('b.json', 'failed', 'passed', 'failed'),
  ]
  expect(countTests(reports)).toEqual({ passed: 3, failed: 1 })
})

test('counts a file that could not be loaded as one failure', () => {
  expect(countTests([report('a.json', 'failed')])).toEqual({ passed: 0, failed: 1 })
})

test('counts nothing for a report that was never written', () => {
  expect(countTests([join(directory, 'none.json')])).toEqual({ passed: 0, failed: 0 })
})

test('tells each failure again, with the first lines of its message', () => {
  const lines = Array.from({ length: 40 }, (_, at) => `line ${at + 1}`)
  const path = join(directory, 'failed.json')
  const assertionResults = [
    { status: 'passed', fullName: 'the log opens' },
    { status: 'failed', fullName: 'the log closes', failureMessages: [lines.join('\n')] },
  ]
  const unloaded = {
    name: 'b.test.ts',
    status: 'failed',
    message: 'no such file',
    assertionResults: [],
  }
  writeFileSync(
    path,
    JSON.stringify({
      testResults: [{ name: 'a.test.ts', status: 'failed', assertionResults }, unloaded],
    }),
  )
  expect(failuresIn([path, join(directory, 'none.json')])).toEqual([
    ['a.test.ts: the log closes', ...lines.slice(0, 12).map((line) => `  ${line}`)].join('\n'),
    'b.test.ts\n  no such file',
  ])
})

test('names what passed only when it was tried again, and counts it as passed', () => {
  const path = join(directory, 'again.json')
  const assertionResults = [
    { status: 'passed', fullName: 'the log opens', failureMessages: [] },
    { status: 'passed', fullName: 'the broker answers', failureMessages: ['too late'] },
    { status: 'failed', fullName: 'the log closes', failureMessages: ['twice'] },
  ]
  const file = { name: 'a.test.ts', status: 'failed', assertionResults }
  writeFileSync(path, JSON.stringify({ testResults: [file] }))
  expect(triedAgainIn([path])).toEqual(['a.test.ts: the broker answers\n  too late'])
  expect(countTests([path])).toEqual({ passed: 2, failed: 1 })
})

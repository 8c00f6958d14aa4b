import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { notRunTable, readNotRun, writeNotRun } from '../../scripts/integration/not-run.ts'
import { findSuites, readNeeds } from '../../scripts/integration/suites.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daybook-not-run-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('a suite names the servers that it needs in its first line', () => {
  expect(readNeeds('a.test.ts', '// needs: kafka, sqs\n\nimport …')).toEqual(['kafka', 'sqs'])
})

test.each([
  '',
  'import …\n// needs: kafka\n',
  '// needs: kafka, nothing\n',
  '// needs: toString\n',
])('a suite that begins with %j is refused by its name', (text) =>
  expect(() => readNeeds('a.test.ts', text)).toThrow(/^a\.test\.ts must begin with/),
)

test('every suite of this repository says what it needs', () => {
  const root = dirname(dirname(import.meta.dirname))
  expect(findSuites(root).map(({ path }) => path)).toContain(
    'services/test/integration/kafka.test.ts',
  )
})

test('what was not run is handed over and ends in a table; nothing is no table', () => {
  const file = join(directory, 'not-run.json')
  expect(notRunTable(readNotRun(file))).toBe('')
  writeNotRun(file, [{ suite: 'a.test.ts', why: 'kafka needs Java 17' }])
  expect(notRunTable(readNotRun(file)).split('\n')).toEqual([
    'NOT RUN    because',
    'a.test.ts  kafka needs Java 17',
    '',
    'How to get what is missing: npm run services doctor',
  ])
})

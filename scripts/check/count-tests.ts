import { existsSync, readFileSync } from 'node:fs'

/** What vitest's reports say, added up. */
export interface TestCount {
  readonly passed: number
  readonly failed: number
}

/** The parts of vitest's JSON report that are read. */
interface Report {
  readonly testResults: readonly {
    /** The file's path. */
    readonly name: string
    readonly status: string
    /** Why the file could not be loaded. */
    readonly message?: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages?: readonly string[]
    }[]
  }[]
}

/** How many lines of a failure are told again at the end: its first ones say what it is. */
const linesTold = 12

/** Adds up the reports that were written. A file that could not even be loaded is one failure. */
export function countTests(reportPaths: readonly string[]): TestCount {
  let passed = 0
  let failed = 0
  for (const report of readReports(reportPaths)) {
    for (const file of report.testResults) {
      const failures = file.assertionResults.filter((test) => test.status === 'failed').length
      passed += file.assertionResults.filter((test) => test.status === 'passed').length
      failed += file.status === 'failed' ? Math.max(1, failures) : failures
    }
  }
  return { passed, failed }
}

/** Each test that failed, with the beginning of its message: of a long output, often only the end is kept. */
export function failuresIn(reportPaths: readonly string[]): readonly string[] {
  return readReports(reportPaths).flatMap(({ testResults }) =>
    testResults.flatMap(({ name, status, message, assertionResults }) => {
      const failed = assertionResults.filter((test) => test.status === 'failed')
      if (status === 'failed' && failed.length === 0) return [told(name, message)]
      return failed.map((test) =>
        told(`${name}: ${test.fullName}`, test.failureMessages?.join('\n')),
      )
    }),
  )
}

/** Each test that passed only when it was tried again, with the beginning of why it had not before. */
export function triedAgainIn(reportPaths: readonly string[]): readonly string[] {
  return readReports(reportPaths).flatMap(({ testResults }) =>
    testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status, failureMessages = [] }) => status === 'passed' && failureMessages.length)
        .map((test) => told(`${name}: ${test.fullName}`, test.failureMessages?.join('\n'))),
    ),
  )
}

function told(what: string, message = ''): string {
  const lines = message.split('\n').slice(0, linesTold)
  return [what, ...lines.map((line) => `  ${line}`)].join('\n').trimEnd()
}

function readReports(paths: readonly string[]): readonly Report[] {
  return paths.filter(existsSync).map((path) => JSON.parse(readFileSync(path, 'utf8')) as Report)
}

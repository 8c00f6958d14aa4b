import { existsSync, readFileSync } from 'node:fs'

/** What vitest's reports say, added up. */
export interface TestCount {
  readonly passed: number
  readonly failed: number
}

/** The parts of vitest's JSON report that are counted. */
interface Report {
  readonly testResults: readonly {
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

/** Adds up the reports that were written. A file that could not even be loaded is one failure. */
export function countTests(reportPaths: readonly string[]): TestCount {
  let passed = 0
  let failed = 0
  for (const path of reportPaths) {
    if (!existsSync(path)) continue
    const report = JSON.parse(readFileSync(path, 'utf8')) as Report
    for (const file of report.testResults) {
      const failures = file.assertionResults.filter((test) => test.status === 'failed').length
      passed += file.assertionResults.filter((test) => test.status === 'passed').length
      failed += file.status === 'failed' ? Math.max(1, failures) : failures
    }
  }
  return { passed, failed }
}

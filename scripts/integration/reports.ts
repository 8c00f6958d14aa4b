import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** Puts vitest's JSON reports of several runs into one, as far as {@link countTests} reads them. */
export function mergeReports(paths: readonly string[], into: string): void {
  const results = paths.filter(existsSync).flatMap((path) => {
    return (JSON.parse(readFileSync(path, 'utf8')) as { testResults: unknown[] }).testResults
  })
  writeFileSync(into, JSON.stringify({ testResults: results }))
}

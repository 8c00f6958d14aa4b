import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { table } from '../../services/src/table.ts'

/** A suite that could not be run, and why. */
export interface NotRun {
  readonly suite: string
  readonly why: string
}

/** Leaves word for {@link readNotRun}. */
export function writeNotRun(file: string, suites: readonly NotRun[]): void {
  writeFileSync(file, JSON.stringify(suites))
}

/** What was left by the last run; nothing if there was none. */
export function readNotRun(file: string): readonly NotRun[] {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : []
}

/** The table that ends a run in which something was not run; empty if all was. */
export function notRunTable(suites: readonly NotRun[]): string {
  if (suites.length === 0) return ''
  const rows = suites.map(({ suite, why }) => [suite, why])
  return `${table(['NOT RUN', 'because'], rows)}\n\nHow to get what is missing: npm run services doctor`
}

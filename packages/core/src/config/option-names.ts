import { shown } from '../error-text.ts'
import { ConfigError, type ConfigIssue } from './config-error.ts'

/** Throws `ConfigError` for what is no object that could hold options. */
export function checkIsOptions(name: string, options: unknown): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  throw new ConfigError([
    { path: name, reason: `must be an object of options, not ${shown(options)}` },
  ])
}

/** The same, and for options that have none of these names. Their values are for the caller to check. */
export function checkOptionNames(name: string, options: unknown, known: readonly string[]): void {
  checkIsOptions(name, options)
  const issues = Object.keys(options as object)
    .filter((each) => !known.includes(each))
    .map((each): ConfigIssue => ({ path: `${name}.${each}`, reason: 'is not an option' }))
  if (issues.length > 0) throw new ConfigError(issues)
}

/** Throws `ConfigError` for what is no path. */
export function checkPath(name: string, path: unknown): void {
  if (typeof path === 'string' && path !== '') return
  throw new ConfigError([{ path: name, reason: `must be a path, not ${shown(path)}` }])
}

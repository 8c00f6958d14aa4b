import { WalError } from '../errors.ts'

/** One thing wrong with a configuration. */
export interface ConfigIssue {
  /** Where, such as `namespaces.titles.retry.maxAttempts`. */
  readonly path: string
  readonly reason: string
}

/** The configuration is wrong: every mistake in it, each with its option's path. */
export class ConfigError extends WalError {
  readonly issues: readonly ConfigIssue[]

  constructor(issues: readonly ConfigIssue[]) {
    const lines = issues.map(({ path, reason }) => `  ${path}: ${reason}`)
    super('ERR_CONFIG', `The configuration is wrong:\n${lines.join('\n')}`)
    this.issues = issues
  }
}

import type { StoredRecord, WalEvents } from '@daybook/core'

/** A line of the service's log. */
export type LogLine =
  | { readonly event: 'listening'; readonly port: number }
  | {
      readonly event: 'applied' | 'superseded'
      readonly target: string
      readonly records: readonly LoggedRecord[]
    }
  | {
      readonly event: 'retry'
      readonly target: string
      readonly record: LoggedRecord
      readonly code: string
      readonly spent: number
    }
  | {
      readonly event: 'deadLettered'
      readonly target: string
      readonly record: LoggedRecord
      readonly code: string
      readonly attempts: number
    }
  | {
      readonly event: 'recovered'
      readonly target: string
      readonly record: LoggedRecord
      readonly spent: number
    }
  | { readonly event: 'paused'; readonly target: string; readonly code: string }
  | { readonly event: 'resumed'; readonly target: string }
  | { readonly event: 'error'; readonly message: string }

/** A record's name in the log: its key, and its version in digits. */
export interface LoggedRecord {
  readonly key: string
  readonly version: string
}

/** Prints one line of JSON. */
export function logLine(line: LogLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** Anything whose events can be listened to as those of a wal. */
interface EventSource {
  on<Name extends keyof WalEvents>(event: Name, listener: WalEvents[Name]): unknown
}

/** Prints what a wal does as lines of JSON, as a service's log would. */
export function logEvents(wal: EventSource): void {
  for (const event of ['applied', 'superseded'] as const) {
    wal.on(event, ({ target, records }) => logLine({ event, target, records: records.map(named) }))
  }
  wal.on('retry', ({ target, record, attempt, spent }) =>
    logLine({ event: 'retry', target, record: named(record), code: attempt.code, spent }),
  )
  wal.on('recovered', ({ target, record, spent }) =>
    logLine({ event: 'recovered', target, record: named(record), spent }),
  )
  wal.on('deadLettered', ({ target, stored, code, attempts }) =>
    logLine({
      event: 'deadLettered',
      target,
      record: named(stored),
      code,
      attempts: attempts.length,
    }),
  )
  wal.on('paused', ({ target, code }) => logLine({ event: 'paused', target, code }))
  wal.on('resumed', ({ target }) => logLine({ event: 'resumed', target }))
  wal.on('error', ({ error }) => logLine({ event: 'error', message: error.message }))
}

function named({ key = '', version }: StoredRecord): LoggedRecord {
  return { key, version: version.toString() }
}

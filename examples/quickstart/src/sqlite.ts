import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Outcome, permanent, unavailable, type WalRecord } from '@daybook/core'

/** Opens a store's file and makes it, its directory and its tables if they are missing. */
export function openStore(file: string, schema: string): DatabaseSync {
  mkdirSync(dirname(file), { recursive: true })
  const store = new DatabaseSync(file)
  // Once a target has answered `applied`, the log forgets the record: the store has to be durable
  // by then, so it syncs at each commit (FULL).
  store.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  store.exec(schema)
  return store
}

/**
 * Applies a batch in one transaction and answers one outcome per record. A record that breaks a
 * constraint is refused for good and does not hold back the others; a locked file is an outage.
 */
export function applyBatch<P>(
  store: DatabaseSync,
  records: readonly WalRecord<P>[],
  applyOne: (record: WalRecord<P>) => Outcome,
): readonly Outcome[] {
  try {
    return inTransaction(store, () =>
      records.map((record) => {
        try {
          return applyOne(record)
        } catch (error) {
          return refusal(error)
        }
      }),
    )
  } catch (error) {
    if (resultCode(error) !== sqliteBusy) throw error
    const locked = unavailable('SQLITE_BUSY', 'another process has locked the file')
    return records.map(() => locked)
  }
}

function inTransaction<T>(store: DatabaseSync, work: () => T): T {
  store.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    store.exec('COMMIT')
    return result
  } catch (error) {
    if (store.isTransaction) store.exec('ROLLBACK')
    throw error
  }
}

// Primary result codes. Source: https://www.sqlite.org/rescode.html
const sqliteBusy = 5
const sqliteConstraint = 19

/** Named after the constraint, so that dead letters group by it; any other error is thrown on. */
function refusal(error: unknown): Outcome {
  if (!(error instanceof Error) || resultCode(error) !== sqliteConstraint) throw error
  const constraint = /failed: (\S+)/.exec(error.message)?.[1] ?? 'constraint'
  return permanent(constraint, error.message)
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined
  // The low byte is the primary code; the others tell its kinds apart.
  return typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
}

import { DatabaseSync } from 'node:sqlite'

/**
 * Makes a store unavailable, as a backup or a migration would: locks its file, so that nobody else
 * can write to it until `end`.
 */
export function lockFile(file: string): { end(): void } {
  const store = new DatabaseSync(file, { timeout: 2_000 })
  store.exec('BEGIN EXCLUSIVE')
  return {
    end() {
      store.exec('ROLLBACK')
      store.close()
    },
  }
}

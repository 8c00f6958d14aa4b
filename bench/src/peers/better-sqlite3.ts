import { join } from 'node:path'
import Database from 'better-sqlite3'
import type { Contestant } from './contestant.ts'

/**
 * SQLite as a log: WAL mode, `synchronous=FULL` (the WAL is synced at each commit), one transaction
 * per group, its own page size and checkpoints. Synchronous calls in a bare loop: no writer waits
 * for a promise here, which a real server would have to add.
 */
export const betterSqlite3: Contestant = {
  name: 'better-sqlite3',
  async run({ directory, meter, payloadBytes, groupRecords }) {
    const database = new Database(join(directory, 'log.db'))
    try {
      database.pragma('journal_mode = WAL')
      database.pragma('synchronous = FULL')
      database.exec('CREATE TABLE log (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL)')
      const insert = database.prepare('INSERT INTO log (payload) VALUES (?)')
      const payload = Buffer.alloc(payloadBytes, 7)
      const group = Math.round(groupRecords)
      const commitGroup = database.transaction(() => {
        for (let index = 0; index < group; index += 1) insert.run(payload)
      })
      let startedAt = performance.now()
      meter.begin(startedAt)
      while (!meter.isOver(startedAt)) {
        commitGroup()
        const now = performance.now()
        meter.completed(startedAt, now, group)
        startedAt = now
      }
    } finally {
      database.close()
    }
    return undefined
  },
}

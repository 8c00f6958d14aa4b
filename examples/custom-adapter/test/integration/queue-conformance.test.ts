// needs: postgresql

import { queueConformance } from '@daybook/core/testing'
import type pg from 'pg'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { postgresQueue } from '../../src/postgres-queue.ts'
import { connect, newTable } from './postgres.ts'

let pool: pg.Pool
beforeAll(async () => {
  pool = await connect()
})
afterAll(() => pool.end())

describe('the queue on PostgreSQL', () => {
  const cases = queueConformance({
    create: () => {
      const table = newTable()
      const options = { table, leaseMs: 30_000, pollMs: 10 }
      return {
        queue: () => postgresQueue({ pool, ...options }),
        // What a dead process held is given to others once its leases have run out; here at once.
        crash: async () => {
          await pool.query(`UPDATE ${table} SET lease = 'of the dead', not_before = due_at`)
        },
        dispose: async () => {
          await pool.query(`DROP TABLE IF EXISTS ${table}`)
        },
      }
    },
    quietMs: 60,
  })
  for (const { name, run } of cases) it(name, run)
})

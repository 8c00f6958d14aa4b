// needs: postgresql

import { targetConformance } from '@daybook/core/testing'
import type pg from 'pg'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { createDocuments, type Document, postgresTarget } from '../../src/postgres-target.ts'
import { connect, newTable } from './postgres.ts'

let pool: pg.Pool
beforeAll(async () => {
  pool = await connect()
})
afterAll(() => pool.end())

describe('the target on PostgreSQL', () => {
  const cases = targetConformance<Document>({
    create: async () => {
      const table = newTable()
      await createDocuments({ pool, table })
      const target = postgresTarget<Document>({ pool, table })
      return {
        target,
        read: async (key) =>
          (await target.read?.(key, { signal: AbortSignal.timeout(5_000) })) ?? undefined,
        dispose: async () => {
          await pool.query(`DROP TABLE ${table}`)
        },
      }
    },
    put: (key, number) => ({ title: `${key}, part ${number}`, year: 1900 + number }),
    patch: (_, number) => ({ year: 2000 + number }),
    // A text of PostgreSQL has no zero bytes.
    refused: () => ({ title: 'a\u0000b' }),
  })
  for (const { name, run } of cases) it(name, run)
})

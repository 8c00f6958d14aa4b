import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { expect, test } from 'vitest'

test('the shop of many partitions keeps its books right over a kill and a broken index', async () => {
  const { code, output } = await runExample(join(import.meta.dirname, '../src/main.ts'))
  expect(output).toContain('kill -9: the shop dies')
  expect(output).toMatch(/Mutation 1 \(put of 'cleo \d+'\): no such index/)
  expect(output).toContain(
    '180 orders placed, 20 dropped; 360 rows in the database, 180 in the index.',
  )
  expect(output).toContain('0 rows missing, 0 uncalled for, 0 different, 0 still parked')
  expect(code, output).toBe(0)
}, 120_000)

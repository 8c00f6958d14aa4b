import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')

test('the shop of many partitions keeps its books right over a kill and a broken index', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--conditions=source', main], {
    encoding: 'utf8',
    timeout: 120_000,
  })
  expect(stderr).toBe('')
  expect(stdout).toMatch(/killed once \d+ orders were sealed/)
  expect(stdout).toMatch(/orders are parked: Mutation 1 \(put of 'cleo \d+'\): no such index/)
  expect(stdout).toContain('the books are right')
  expect(status).toBe(0)
}, 150_000)

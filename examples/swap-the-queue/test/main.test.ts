import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')

test('the example names the queues there are where one is asked for that is not', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', main, 'file', 'rabbit'],
    { encoding: 'utf8' },
  )
  expect(status).toBe(2)
  expect(stderr).toContain('no queue named rabbit')
  expect(stderr).toContain('file, kafkajs, platformatic, sqs, sqs-fifo')
})

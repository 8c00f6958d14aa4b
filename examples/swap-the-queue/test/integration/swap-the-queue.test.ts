// needs: kafka, sqs

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { service } from '@daybook/services'
import { beforeAll, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../../src/main.ts')

beforeAll(async () => {
  await Promise.all([service('kafka'), service('sqs')])
})

/** Runs the example on queues, and answers how it ended and what it said. */
async function run(...queues: readonly string[]) {
  const child = spawn(process.execPath, ['--conditions=source', main, ...queues], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { code, output }
}

test('the application runs as it is on Kafka through both clients, loses nothing and keeps the order', async () => {
  for (const { code, output } of await Promise.all([run('kafkajs'), run('platformatic')])) {
    expect(code, output).toBe(0)
  }
})

test('the application runs as it is on the file log and on both kinds of SQS', async () => {
  for (const { code, output } of await Promise.all([run('file', 'sqs'), run('sqs-fifo')])) {
    expect(code, output).toBe(0)
  }
})

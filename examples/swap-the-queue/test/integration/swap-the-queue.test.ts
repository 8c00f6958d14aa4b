// needs: kafka, sqs

import { join } from 'node:path'
import { runExample } from '@daybook/example-stage/testing'
import { service } from '@daybook/services'
import { beforeAll, expect, test } from 'vitest'

const main = join(import.meta.dirname, '../../src/main.ts')

beforeAll(async () => {
  await Promise.all([service('kafka'), service('sqs')])
})

const run = (...queues: readonly string[]) => runExample(main, ...queues)

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

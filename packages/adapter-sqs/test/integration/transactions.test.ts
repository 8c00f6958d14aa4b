// needs: sqs

import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Service } from '@daybook/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type TransactionSubject,
  transactionScenarios,
} from '../../../../tests/support/transaction-scenarios.ts'
import { directoryStore, sqsQueue } from '../../src/index.ts'
import { mortalClient } from '../mortal-client.ts'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll } from '../support/server-queues.ts'

let sqs: Service
let letters: string

beforeAll(async () => {
  sqs = await memoryServer()
  letters = await mkdtemp(join(tmpdir(), 'daybook-transactions-'))
})
afterAll(() => {
  disconnectAll()
  return rm(letters, { recursive: true })
})

async function subjectOn(isFifo: boolean): Promise<TransactionSubject> {
  const name = `transactions-${randomUUID()}`
  const queueUrl = await createQueue(sqs.address, isFifo ? `${name}.fifo` : name)
  const client = connect(sqs.address)
  let process = mortalClient(client)
  return {
    order: isFifo ? 'key' : 'none',
    queue: () =>
      sqsQueue({
        ...{
          client: process.client,
          queueUrl,
          deadLetterStore: directoryStore(join(letters, name)),
        },
        ...{ waitMs: 1_000, visibilityMs: 3_000, requestTimeoutMs: 5_000 },
      }),
    crash() {
      process.die()
      process = mortalClient(client)
    },
  }
}

test.concurrent.each(['standard', 'FIFO'])(
  'transactions through a %s queue of the SQS server go on, are applied once, and are parked',
  async (kind) => {
    const runs = transactionScenarios.map(async ({ name, run }) => {
      await run(await subjectOn(kind === 'FIFO'))
      return name
    })
    expect(await Promise.all(runs)).toHaveLength(4)
  },
)

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scaledClock } from '@daybook/core/testing'
import { test } from 'vitest'
import {
  type TransactionSubject,
  transactionScenarios,
} from '../../../tests/support/transaction-scenarios.ts'
import { directoryStore, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'
import { mortalClient } from './mortal-client.ts'

const clock = scaledClock(10)

function subjectIn(directory: string, isFifo: boolean): TransactionSubject {
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue(isFifo ? 'rows.fifo' : 'rows')
  let process = mortalClient(model)
  return {
    ...{ order: isFifo ? 'key' : 'none', clock },
    queue: () =>
      sqsQueue({
        ...{ client: process.client, queueUrl, deadLetterStore: directoryStore(directory) },
        ...{ waitMs: 1_000, visibilityMs: 10_000, requestTimeoutMs: 60_000 },
      }),
    crash() {
      process.die()
      process = mortalClient(model)
    },
  }
}

const cases = ['standard', 'FIFO'].flatMap((kind) =>
  transactionScenarios.map(({ name, run }) => ({ kind, name, run })),
)

test.concurrent.each(cases)(
  'a transaction through the model of a $kind queue of SQS $name',
  async ({ kind, run }) => {
    const directory = await mkdtemp(join(tmpdir(), 'daybook-transactions-'))
    await run(subjectIn(directory, kind === 'FIFO'))
    await rm(directory, { recursive: true })
  },
)

// needs: sqs

import { createWal, fanOut, queueTarget, type } from '@daybook/core'
import type { Service } from '@daybook/services'
import { afterEach, beforeEach, test } from 'vitest'
import {
  archiveShelf,
  expectForwardingKept,
  type Film,
} from '../../../../tests/support/forwarding-conformance.ts'
import { sqsQueue } from '../../src/index.ts'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll } from '../support/server-queues.ts'

let sqs: Service

beforeEach(async () => {
  sqs = await memoryServer()
  await sqs.reset()
})
afterEach(disconnectAll)

const quick = { waitMs: 1_000, visibilityMs: 20_000, requestTimeoutMs: 10_000 }

/** A wal that reads the queue into a store which compares versions. */
async function archiveOn(queueUrl: string) {
  const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...quick })
  const { order } = queue.supports
  const { shelf, rows, came } = archiveShelf({ keepsOrder: order === 'key' })
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        ...{ payload: type<Film>(), queue, targets: { shelf } },
        ...{ order, deadLetters: 'off' },
      }),
    },
  })
  await wal.start()
  return { wal, rows, came }
}

const queueNames = ['standard', 'ordered.fifo']

test.each(queueNames)(
  'an SQS queue as a target passes the suite of targets: %s',
  async (name) => {
    const queueUrl = await createQueue(sqs.address, name)
    const archive = await archiveOn(queueUrl)
    const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...quick })
    const forwarding = queueTarget<Film>({ queue, namespace: 'films' })
    await forwarding.open?.()
    // Into both queues together: five hundred histories.
    await expectForwardingKept(forwarding, archive, queueNames.indexOf(name))
    await forwarding.close?.()
    await archive.wal.close()
  },
  120_000,
)

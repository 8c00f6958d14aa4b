// needs: sqs

import { createWal, fanOut, type } from '@daybook/core'
import { recordingTarget } from '@daybook/core/testing'
import type { Service } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sqsQueue } from '../../src/index.ts'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll } from '../support/server-queues.ts'

let sqs: Service

beforeEach(async () => {
  sqs = await memoryServer()
  await sqs.reset()
})
afterEach(disconnectAll)

test('a delay of three seconds is kept to within 300 ms', async () => {
  const queueUrl = await createQueue(sqs.address, 'delayed')
  const lateness: number[] = []
  const target = recordingTarget<number>({
    idempotency: 'id',
    answer: ({ dueAt = 0 }) => {
      lateness.push(Date.now() - dueAt)
      return { status: 'applied' }
    },
  })
  const wal = await createWal({
    namespaces: {
      delayed: fanOut({
        ...{ payload: type<number>(), order: 'none', deadLetters: 'off' },
        queue: sqsQueue({ client: connect(sqs.address), queueUrl, waitMs: 1_000 }),
        targets: { target },
      }),
    },
  })
  await wal.start()
  for (const delay of [3_000, 3_250, 3_700]) await wal.write('delayed', { payload: 1, delay })
  await target.waitFor(3)
  await wal.close()
  for (const ms of lateness) {
    expect(ms).toBeGreaterThanOrEqual(0)
    expect(ms, `late by ${lateness.join(', ')} ms`).toBeLessThan(300)
  }
})

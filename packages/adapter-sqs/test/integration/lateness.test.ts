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

test.each([
  { kind: 'standard queue', suffix: '', most: 300 },
  // Moved out of its companion, by a send of its own.
  { kind: 'FIFO queue', suffix: '.fifo', most: 600 },
])('a delay of three seconds on a $kind is kept to within $most ms', async ({ suffix, most }) => {
  const queueUrl = await createQueue(sqs.address, `delayed${suffix}`)
  const isFifo = suffix !== ''
  const delays = isFifo ? { delayQueueUrl: await createQueue(sqs.address, 'companion') } : {}
  const lateness: number[] = []
  const target = recordingTarget<number>({
    idempotency: 'id',
    answer: ({ dueAt = 0 }) => {
      lateness.push(Date.now() - dueAt)
      return { status: 'applied' }
    },
  })
  const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...delays, waitMs: 1_000 })
  const wal = await createWal({
    namespaces: {
      delayed: fanOut({
        ...{ payload: type<number>(), order: queue.supports.order, deadLetters: 'off' },
        ...{ queue, targets: { target } },
      }),
    },
  })
  await wal.start()
  const written: string[] = []
  for (const delay of [3_000, 3_250, 3_700]) {
    written.push((await wal.write('delayed', { key: 'a', payload: 1, delay })).id)
  }
  await target.waitFor(3)
  await wal.close()
  process.stdout.write(
    `late on a ${isFifo ? 'FIFO' : 'standard'} queue by ${lateness.join(', ')} ms\n`,
  )
  if (isFifo) expect(target.applied.map(({ id }) => id)).toEqual(written)
  for (const ms of lateness) {
    expect(ms).toBeGreaterThanOrEqual(0)
    expect(ms, `late by ${lateness.join(', ')} ms`).toBeLessThan(most)
  }
})

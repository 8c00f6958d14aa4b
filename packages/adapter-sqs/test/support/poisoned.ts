import { type Clock, createWal, fanOut, permanent, systemClock, type } from '@daybook/core'
import { recordingTarget } from '@daybook/core/testing'
import { type SqsClient, type SqsQueueOptions, sqsQueue } from '../../src/index.ts'
import { mortalClient } from '../mortal-client.ts'

/** A wal whose target refuses what it is told to, and whose dead letters go to a queue. */
export async function poisoned(
  options: SqsQueueOptions,
  {
    clock = systemClock,
    mended = false,
  }: { readonly clock?: Clock; readonly mended?: boolean } = {},
) {
  const target = recordingTarget<string>({
    idempotency: 'version',
    answer: ({ payload }) =>
      payload === 'poison' && !mended ? permanent('POISON', 'Never.') : { status: 'applied' },
  })
  const queue = sqsQueue({ waitMs: 1_000, visibilityMs: 2_000, ...options })
  const wal = await createWal({
    clock,
    namespaces: {
      poisoned: fanOut({
        ...{ payload: type<string>(), queue, targets: { target }, order: queue.supports.order },
      }),
    },
  })
  wal.on('error', () => {}) // of a process that died
  return { wal, target, letters: wal.namespace('poisoned').deadLetters }
}

/** The client of a process that dies as it acks what it has dead-lettered. */
export function dyingAtAck(
  client: SqsClient,
  queueUrl: string,
): { client: SqsClient; died: Promise<void> } {
  const process = mortalClient(client)
  const { promise: died, resolve } = Promise.withResolvers<void>()
  return {
    died,
    client: {
      ...process.client,
      deleteMessageBatch: (input) => {
        if (input.QueueUrl === queueUrl) {
          process.die()
          resolve()
        }
        return process.client.deleteMessageBatch(input)
      },
    },
  }
}

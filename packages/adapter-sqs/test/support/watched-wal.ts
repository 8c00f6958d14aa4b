import { createWal, fanOut, type } from '@daybook/core'
import { type SqsQueueOptions, sqsQueue } from '../../src/index.ts'
import { WatchfulTarget } from './watchful-target.ts'

/** A wal on one SQS queue that is delivering already, and the target that sees what comes of it. */
export async function watchedWal(options: SqsQueueOptions) {
  const watched = await idleWal(options)
  await watched.wal.start()
  return watched
}

/** The same before it delivers: it is written to alone. */
export async function idleWal(options: SqsQueueOptions) {
  const target = new WatchfulTarget()
  const queue = sqsQueue(options)
  const wal = await createWal({
    namespaces: {
      faults: fanOut({
        ...{ payload: type<number>(), queue, targets: { target }, deadLetters: 'off' },
        order: queue.supports.order,
        retry: { minDelay: '50ms', maxDelay: '500ms' },
      }),
    },
  })
  wal.on('error', () => {}) // the faults are meant
  return { wal, target }
}

import { expect, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { WalError } from '../../src/errors.ts'
import { memoryQueue } from '../../src/queue/memory-queue.ts'
import type { QueueContext } from '../../src/queue/queue.ts'
import { queueConformance, runConformance } from '../../src/testing/index.ts'

const late = new WalError('ERR_IO', 'The connection was closed.')

/** The cases of a process's death on a queue that reports at that instant, or before. */
async function verdictsOf(when: 'as it dies' | 'before') {
  const cases = queueConformance({
    create() {
      const queue = memoryQueue({ maxBytes: 4 * 2 ** 20 })
      const open = queue.open.bind(queue)
      let report: QueueContext['reportError'] = () => {}
      queue.open = async (context) => {
        report = context.reportError
        await open(context)
        if (when === 'before') report(late)
      }
      return { queue: () => queue, crash: () => report(late) }
    },
    ...{ quietMs: 15, shortDelayMs: 60 },
  })
  const ofDeath = cases.filter(({ name }) => name.includes('the death of the process'))
  expect(ofDeath).not.toHaveLength(0)
  return runConformance(ofDeath)
}

test('what a process still reports as it dies is held against no queue', async () => {
  expectKept(await verdictsOf('as it dies'))
})

test('what a process has reported before it dies is held against its queue', async () => {
  const [verdict] = await verdictsOf('before')
  expect(String(verdict?.failure)).toContain('nothing failed here')
})

import { describe, it } from 'vitest'
import { memoryDeadLetterQueue, newLetterStore } from '../src/dlq/memory-dlq.ts'
import { memoryQueue } from '../src/queue/memory-queue.ts'
import {
  type ConformanceCase,
  deadLetterQueueConformance,
  queueConformance,
  targetConformance,
} from '../src/testing/index.ts'
import { rowPayloads, VersionedStore } from './testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

suite('memoryQueue', [
  ...queueConformance({
    create: () => {
      const queue = memoryQueue()
      // Opening it again without closing it is how the restart of a dead process looks to it.
      return { queue: () => queue, crash: () => {} }
    },
    seed,
  }),
])

suite('the dead letters of memoryQueue', [
  ...deadLetterQueueConformance({
    create: () => {
      const store = newLetterStore()
      return { open: () => memoryDeadLetterQueue(store) }
    },
  }),
])

suite('a versioned store', [
  ...targetConformance({
    create: () => {
      const target = new VersionedStore()
      return { target, read: (key) => target.read(key) }
    },
    ...rowPayloads,
    seed,
  }),
])

function suite(name: string, cases: readonly ConformanceCase[]): void {
  describe(name, { concurrent: true }, () => {
    for (const { name, run } of cases) it(name, run)
  })
}

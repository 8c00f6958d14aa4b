import { cp, lstat, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { memoryDeadLetterQueue, newLetterStore } from '../src/dlq/memory-dlq.ts'
import { fileQueue } from '../src/queue/file/file-queue.ts'
import { memoryQueue } from '../src/queue/memory-queue.ts'
import type { Queue } from '../src/queue/queue.ts'
import { systemRandom } from '../src/random.ts'
import {
  type ConformanceCase,
  type DeadLetterQueueSubject,
  deadLetterQueueConformance,
  type QueueSubject,
  queueConformance,
  targetConformance,
  VirtualClock,
} from '../src/testing/index.ts'
import { modestQueue } from './testing/modest-queue.ts'
import { rowPayloads, VersionedStore } from './testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

suite('memoryQueue', queueConformance({ create: memorySubject, seed }))

const clock = new VirtualClock()
const passTime = (ms: number): Promise<void> => clock.advance(ms)
suite(
  'memoryQueue on a virtual clock',
  queueConformance({ create: memorySubject, clock, passTime, quietMs: 10, seed }),
  { concurrent: false },
)

suite(
  'a queue that declares little',
  queueConformance({
    create: () => ({ queue: modestQueue, reopens: false }),
    quietMs: 15,
    seed,
  }),
)

suite('fileQueue', queueConformance({ create: fileSubject, seed }))

suite(
  'the dead letters of memoryQueue',
  deadLetterQueueConformance({
    create: () => {
      const store = newLetterStore()
      return { open: () => memoryDeadLetterQueue(store) }
    },
  }),
)

suite('the dead letters of fileQueue', deadLetterQueueConformance({ create: fileLettersSubject }))

suite(
  'a versioned store',
  targetConformance({
    create: () => {
      const target = new VersionedStore()
      return { target, read: (key) => target.read(key) }
    },
    ...rowPayloads,
    seed,
  }),
)

function suite(
  name: string,
  cases: readonly ConformanceCase[],
  { concurrent = true }: { readonly concurrent?: boolean } = {},
): void {
  describe(name, { concurrent }, () => {
    for (const { name, run } of cases) it(name, run)
  })
}

function memorySubject(): QueueSubject {
  const queue = memoryQueue()
  // Opening it again without closing it is how the restart of a dead process looks to it.
  return { queue: () => queue, crash: () => {} }
}

async function fileSubject(): Promise<QueueSubject> {
  const root = await mkdtemp(join(tmpdir(), 'daybook-conformance-'))
  const queues: Queue[] = []
  let life = 0
  const directory = (): string => join(root, `life-${life}`)
  return {
    queue: () => {
      const queue = fileQueue({ directory: directory() })
      queues.push(queue)
      return queue
    },
    // What `kill -9` leaves is what other processes see of the files at that instant: a copy.
    crash: async () => {
      const dead = directory()
      life++
      await cp(dead, directory(), {
        recursive: true,
        filter: async (path) => !(await lstat(path)).isSocket(),
      })
    },
    dispose: async () => {
      for (const queue of queues) await queue.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

async function fileLettersSubject(): Promise<DeadLetterQueueSubject> {
  const directory = await mkdtemp(join(tmpdir(), 'daybook-conformance-'))
  let queue: Queue | undefined
  return {
    open: async () => {
      await queue?.close()
      queue = fileQueue({ directory })
      await queue.open({
        namespace: 'conformance',
        targets: [],
        directory: undefined,
        clock,
        random: systemRandom,
        reportError: (error) => {
          throw error
        },
      })
      const letters = await queue.deadLetters()
      if (letters === undefined) throw new Error('fileQueue brings no dead-letter queue')
      return letters
    },
    dispose: async () => {
      await queue?.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

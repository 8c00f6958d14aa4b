import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { openFileDeadLetterQueue } from '../../../src/dlq/file-dlq.ts'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import { nodeFileSystem } from '../../../src/queue/file/node-file-system.ts'
import { systemRandom } from '../../../src/random.ts'
import { deadLetterQueueConformance, queueConformance } from '../../../src/testing/index.ts'
import { MortalFileSystem, openLock } from './support/mortal-file-system.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'daybook-'))
}

describe('fileQueue, on a disk', { concurrent: true }, () => {
  const cases = queueConformance({
    async create() {
      const directory = await temporaryDirectory()
      let fileSystem = new MortalFileSystem()
      return {
        directory,
        queue: () => fileQueue({ fileSystem, lock: openLock, segmentBytes: 1 << 20 }),
        crash() {
          fileSystem.die()
          fileSystem = new MortalFileSystem()
        },
        dispose: () => rm(directory, { recursive: true, force: true }),
      }
    },
    seed,
  })
  for (const { name, run } of cases) it(name, { timeout: 30_000 }, run)
})

describe('the dead letters of fileQueue', { concurrent: true }, () => {
  const cases = deadLetterQueueConformance({
    async create() {
      const directory = await temporaryDirectory()
      return {
        open: () =>
          openFileDeadLetterQueue({
            directory,
            fileSystem: nodeFileSystem,
            random: systemRandom,
            reportError(error) {
              throw error
            },
          }),
        dispose: () => rm(directory, { recursive: true, force: true }),
      }
    },
  })
  for (const { name, run } of cases) it(name, run)
})

import { describe, it } from 'vitest'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import { queueConformance } from '../../../src/testing/index.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { openLock } from './support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

describe('fileQueue, on a simulated disk', { concurrent: true }, () => conformance())

describe('fileQueue that reads all from the disk', { concurrent: true }, () => conformance(0))

function conformance(recentBytes?: number): void {
  const cases = queueConformance({
    create() {
      let fileSystem = new SimulatedFileSystem({ random: new SeededRandom(seed) })
      return {
        directory: '/wal',
        queue: () =>
          fileQueue({
            ...{ fileSystem, lock: openLock, recentBytes },
            ...{ segmentBytes: '256kb', scheduleRecords: 2 },
          }),
        crash() {
          fileSystem = fileSystem.kill()
        },
      }
    },
    seed,
  })
  for (const { name, run } of cases) it(name, { timeout: 30_000 }, run)
}

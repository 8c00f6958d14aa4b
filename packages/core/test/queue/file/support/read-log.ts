import type { FileSystem } from '../../../../src/queue/file/file-system.ts'
import { type LogEntry, openLog } from '../../../../src/queue/file/log.ts'
import { nodeFileSystem } from '../../../../src/queue/file/node-file-system.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { VirtualClock } from '../../../../src/testing/virtual-clock.ts'

/** All records in a queue's directory, by the library's own way of opening a log. */
export async function readLog(
  directory: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<readonly LogEntry[]> {
  const log = await openLog({
    directory: `${directory}/segments`,
    fileSystem,
    random: new SeededRandom(3),
    clock: new VirtualClock(),
    epoch: 9,
    namespace: 'titles',
    knownSynced: 0,
    reportError() {},
  })
  try {
    const reader = log.reader(1)
    const entries: LogEntry[] = []
    for (;;) {
      const more = await reader.read({ maxRecords: 100, maxBytes: 1 << 20 })
      entries.push(...more)
      if (more.length === 0) break
    }
    await reader.close()
    return entries
  } finally {
    await log.close()
  }
}

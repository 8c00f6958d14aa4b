import { readChanges } from '../../../../../src/queue/file/cursor-changes.ts'
import { CursorState } from '../../../../../src/queue/file/cursor-state.ts'
import {
  type SalvageFileQueueOptions,
  salvageFileQueue,
} from '../../../../../src/queue/file/inspect/salvage-file-queue.ts'
import type { SalvageReport } from '../../../../../src/queue/file/inspect/salvage-report.ts'
import { readHeader } from '../../../../../src/queue/file/journal-format.ts'
import { scanJournal } from '../../../../../src/queue/file/journal-scan.ts'
import { SeededRandom } from '../../../../../src/testing/seeded-random.ts'
import type { SimulatedFileSystem } from '../../../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../../../src/testing/virtual-clock.ts'
import { openLock } from '../../support/open-lock.ts'
import { from } from './sample-queue.ts'

export const into = '/wal/salvaged'

export function salvageOptions(fileSystem: SimulatedFileSystem): SalvageFileQueueOptions {
  return {
    from,
    into,
    namespace: 'titles',
    segmentBytes: 4096 + 900,
    fileSystem,
    lock: openLock,
    isOwned: async () => false,
    clock: new VirtualClock(),
    random: new SeededRandom(5),
  }
}

/** Salvages `from` into `into` on the same disk. */
export function salvage(fileSystem: SimulatedFileSystem): Promise<SalvageReport> {
  return salvageFileQueue(salvageOptions(fileSystem))
}

/** What a cursor's file says, read as opening it would. */
export async function readCursor(
  fileSystem: SimulatedFileSystem,
  path: string,
): Promise<CursorState> {
  const file = await fileSystem.open(path, 'read')
  try {
    const state = new CursorState()
    const salt = await readHeader(file, 'curs', path)
    await scanJournal(file, salt, (body) => readChanges(body, state))
    return state
  } finally {
    await file.close()
  }
}

import { readChanges } from './cursor-changes.ts'
import { CursorState } from './cursor-state.ts'
import type { FileSystem } from './file-system.ts'
import { readHeader } from './journal-format.ts'
import { scanJournal } from './journal-scan.ts'

/** The highest sequence that a cursor's file shows was read from the log, read without changing anything. */
export async function highestOfCursor(fileSystem: FileSystem, path: string): Promise<number> {
  const file = await fileSystem.open(path, 'read')
  try {
    const state = new CursorState()
    const salt = await readHeader(file, 'curs', path)
    await scanJournal(file, salt, (body) => readChanges(body, state))
    return state.passed.highest
  } finally {
    await file.close()
  }
}

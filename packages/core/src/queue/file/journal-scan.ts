import type { ReadableFile } from './file-system.ts'
import { entryBytes, entryHeaderBytes, headerBytes } from './journal-format.ts'
import { JournalWindow } from './journal-window.ts'

/** What a walk over a journal found. */
export interface JournalScan {
  /** Where the valid entries end. */
  readonly end: number
  /** How many valid entries there are up to `end`. */
  readonly count: number
  /** What lies before this offset is known to have been synced. */
  readonly syncedEnd: number
  /**
   * - `'none'`: the file ends where its entries do.
   * - `'tail'`: the rest was never known to be synced: a write that a crash cut short.
   * - `'synced'`: a later entry proves that what is damaged had been synced.
   */
  readonly damage: 'none' | 'tail' | 'synced'
}

/** Walks the entries in order, up to the first that is not whole, and says what follows it. */
export async function scanJournal(
  file: ReadableFile,
  salt: number,
  visit: (body: Buffer, offset: number) => void,
): Promise<JournalScan> {
  const window = new JournalWindow(file, await file.size())
  let offset = headerBytes
  let syncedEnd = offset
  let count = 0
  for (;;) {
    const entry = await window.entryAt(offset, salt)
    if (!entry || entry.readUInt32LE(8) !== count) break
    if (entry.readUInt32LE(12) === count) syncedEnd = offset
    if (entry.byteLength > entryHeaderBytes) visit(entry.subarray(entryHeaderBytes), offset)
    offset += entryBytes(entry.byteLength - entryHeaderBytes)
    count++
  }
  if (offset >= window.size) return { end: offset, count, syncedEnd, damage: 'none' }
  const synced = await provesSynced(window, offset, count, salt)
  return { end: offset, count, syncedEnd, damage: synced ? 'synced' : 'tail' }
}

/**
 * Looks for a whole entry behind the damage that was written after entry `lost` was synced. One
 * that was written in the same go proves nothing: the disk may store its pages in any order.
 */
async function provesSynced(window: JournalWindow, from: number, lost: number, salt: number) {
  for (let offset = from; offset + entryHeaderBytes <= window.size; offset += 8) {
    const entry = await window.entryAt(offset, salt, (_, lasting) => lasting > lost)
    if (entry) return true
  }
  return false
}

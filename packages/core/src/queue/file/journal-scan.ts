import type { File } from './file-system.ts'
import { entryBytes, entryHeaderBytes, headerBytes, isEntry } from './journal-format.ts'

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

/** Bytes read ahead at a time. */
const windowBytes = 1 << 20

/** Walks the entries in order, up to the first that is not whole, and says what follows it. */
export async function scanJournal(
  file: File,
  salt: number,
  visit: (body: Buffer, offset: number) => void,
): Promise<JournalScan> {
  const window = new FileWindow(file, await file.size())
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
async function provesSynced(window: FileWindow, from: number, lost: number, salt: number) {
  for (let offset = from; offset + entryHeaderBytes <= window.size; offset += 8) {
    const entry = await window.entryAt(offset, salt, lost)
    if (entry) return true
  }
  return false
}

/** A file read front to back through a buffer. */
class FileWindow {
  readonly #file: File
  readonly size: number
  #bytes: Buffer = Buffer.alloc(0)
  #from = 0

  constructor(file: File, size: number) {
    this.#file = file
    this.size = size
  }

  /**
   * The entry at an offset, header and body; undefined if there is no whole one, or, where
   * `syncedAfter` is given, none that says that this number was synced before it.
   */
  async entryAt(offset: number, salt: number, syncedAfter = -1): Promise<Buffer | undefined> {
    if (!this.#has(offset, entryHeaderBytes)) await this.#load(offset, entryHeaderBytes)
    if (!this.#has(offset, entryHeaderBytes)) return undefined
    const at = offset - this.#from
    const bytes = entryHeaderBytes + this.#bytes.readUInt32LE(at + 4)
    const number = this.#bytes.readUInt32LE(at + 8)
    const lasting = this.#bytes.readUInt32LE(at + 12)
    if (offset + bytes > this.size || lasting > number || lasting <= syncedAfter) return undefined
    if (!this.#has(offset, bytes)) await this.#load(offset, bytes)
    if (!this.#has(offset, bytes)) return undefined
    const entry = this.#bytes.subarray(offset - this.#from, offset - this.#from + bytes)
    return isEntry(entry, salt) ? entry : undefined
  }

  #has(offset: number, bytes: number): boolean {
    return offset >= this.#from && offset + bytes <= this.#from + this.#bytes.byteLength
  }

  async #load(offset: number, bytes: number): Promise<void> {
    const wanted = Math.min(Math.max(bytes, windowBytes), this.size - offset)
    if (wanted < bytes) return
    const buffer = Buffer.allocUnsafe(wanted)
    const read = await this.#file.read(buffer, offset)
    this.#bytes = buffer.subarray(0, read)
    this.#from = offset
  }
}

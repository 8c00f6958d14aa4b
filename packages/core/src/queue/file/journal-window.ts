import type { ReadableFile } from './file-system.ts'
import { entryHeaderBytes, isEntry } from './journal-format.ts'

/** Bytes read ahead at a time. */
const windowBytes = 1 << 20

/** A journal read front to back through a buffer. */
export class JournalWindow {
  readonly #file: ReadableFile
  readonly size: number
  #bytes: Buffer = Buffer.alloc(0)
  #from = 0

  constructor(file: ReadableFile, size: number) {
    this.#file = file
    this.size = size
  }

  /**
   * The entry at an offset, header and body, valid until the next call; undefined if there is no
   * whole one, or none whose number, and the number below which all was synced, are accepted.
   */
  async entryAt(
    offset: number,
    salt: number,
    accept: (number: number, lasting: number) => boolean = () => true,
  ): Promise<Buffer | undefined> {
    if (!this.#has(offset, entryHeaderBytes)) await this.#load(offset, entryHeaderBytes)
    if (!this.#has(offset, entryHeaderBytes)) return undefined
    const at = offset - this.#from
    const bytes = entryHeaderBytes + this.#bytes.readUInt32LE(at + 4)
    const number = this.#bytes.readUInt32LE(at + 8)
    const lasting = this.#bytes.readUInt32LE(at + 12)
    if (offset + bytes > this.size || lasting > number || !accept(number, lasting)) return undefined
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

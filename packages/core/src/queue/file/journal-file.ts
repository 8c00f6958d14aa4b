import { WalError } from '../../errors.ts'
import type { Random } from '../../random.ts'
import { writeDurably } from './durable-write.ts'
import type { File, FileSystem } from './file-system.ts'
import {
  encodeEntry,
  encodeHeader,
  entryBytes,
  entryHeaderBytes,
  headerBytes,
  isEntry,
  type JournalKind,
} from './journal-format.ts'

/** Bytes gathered before they are written, when a whole file is written anew. */
const chunkBytes = 1 << 20

export interface NewJournalFile {
  readonly fileSystem: FileSystem
  readonly random: Random
  readonly path: string
  readonly kind: JournalKind
}

/** One file of a journal, open: knows where its entries end, and writes behind them. */
export class JournalFile {
  readonly #file: File
  readonly #salt: number
  readonly #path: string
  /** Where the next entry goes: a multiple of 8. */
  #end: number
  /** The number of the next entry. */
  #count: number
  /** Entries with a lower number are synced. Invariant: `#lasting <= #count`. */
  #lasting: number
  /** Reads on their way. A retired file is closed once there are none. */
  #reads = 0
  #retired = false

  constructor(file: File, path: string, salt: number, end: number, count: number) {
    this.#file = file
    this.#path = path
    this.#salt = salt
    this.#end = end
    this.#count = count
    this.#lasting = count
  }

  /**
   * Writes a new file that holds these bodies, synced; its name is not lasting yet. Bodies that
   * come as a plain iterable are all taken before the first write. Answers where each went.
   */
  static async write(
    { fileSystem, random, path, kind }: NewJournalFile,
    bodies: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<{ readonly file: JournalFile; readonly offsets: readonly number[] }> {
    const salt = Buffer.from(random.fill(new Uint8Array(4))).readUInt32LE(0)
    const taken = Symbol.iterator in bodies ? [...bodies] : bodies
    const file = await fileSystem.create(path)
    try {
      await file.write(encodeHeader(kind, salt), 0)
      const written = new JournalFile(file, path, salt, headerBytes, 0)
      const offsets: number[] = []
      let chunk: Uint8Array[] = []
      let gathered = 0
      for await (const body of taken) {
        chunk.push(body)
        gathered += body.byteLength
        if (gathered < chunkBytes) continue
        for (const offset of await written.append(chunk)) offsets.push(offset)
        chunk = []
        gathered = 0
      }
      for (const offset of await written.append(chunk)) offsets.push(offset)
      await file.sync()
      written.#lasting = written.#count
      return { file: written, offsets }
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
  }

  /** Where the entries end, in bytes from the start. */
  get end(): number {
    return this.#end
  }

  /** True if something was written that has not been synced. */
  get dirty(): boolean {
    return this.#lasting < this.#count
  }

  /** Writes the bodies in one go, and syncs all there is if they are to be lasting. Answers where each went. One call at a time. */
  async append(
    bodies: readonly Uint8Array[],
    { lasting = false }: { readonly lasting?: boolean } = {},
  ): Promise<readonly number[]> {
    const bytes = bodies.reduce((sum, body) => sum + entryBytes(body.byteLength), 0)
    const buffer = Buffer.alloc(bytes)
    const offsets: number[] = []
    let at = 0
    for (const [index, body] of bodies.entries()) {
      offsets.push(this.#end + at)
      const entry = { body, number: this.#count + index, lasting: this.#lasting }
      at = encodeEntry(buffer, at, entry, this.#salt)
    }
    // In one call, unless there is something else to sync: see decision 4.
    const inOne = lasting && !this.dirty
    if (bytes > 0) {
      await (inOne
        ? writeDurably(this.#file, buffer, this.#end)
        : this.#file.write(buffer, this.#end))
    }
    this.#end += bytes
    this.#count += bodies.length
    if (inOne) this.#lasting = this.#count
    if (lasting && this.dirty) await this.sync()
    return offsets
  }

  async sync(): Promise<void> {
    await this.#file.sync()
    this.#lasting = this.#count
  }

  /** The body of an entry whose place and size are known. `ERR_CORRUPT_LOG` if it is not whole. */
  async read(offset: number, bodyBytes: number): Promise<Buffer> {
    const entry = await this.readRaw(offset, bodyBytes)
    const isWhole = entry.byteLength === entryHeaderBytes + bodyBytes
    if (isWhole && isEntry(entry, this.#salt)) return entry.subarray(entryHeaderBytes)
    throw new WalError(
      'ERR_CORRUPT_LOG',
      `The ${bodyBytes} bytes at offset ${offset} of ${this.#path} are damaged.`,
    )
  }

  /** The bytes of an entry as they are, header and body; fewer at the end of the file. */
  async readRaw(offset: number, bodyBytes: number): Promise<Buffer> {
    this.#reads++
    try {
      const entry = Buffer.allocUnsafe(entryHeaderBytes + bodyBytes)
      return entry.subarray(0, await this.#file.read(entry, offset))
    } finally {
      this.#reads--
      if (this.#retired && this.#reads === 0) await this.#file.close().catch(() => {})
    }
  }

  /** Closes the file once the reads on their way are done. */
  async retire(): Promise<void> {
    this.#retired = true
    if (this.#reads === 0) await this.#file.close()
  }
}

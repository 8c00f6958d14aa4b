import { Buffer } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'

/** Records of one size, and what is done once they are on the disk. */
export interface Entry {
  readonly records: Buffer
  synced(records: Buffer): void
}

const pieceBytes = 1024 * 1024

/**
 * The least that a durable log does: one write and one fdatasync at a time, of all that has come
 * meanwhile, into a file filled with zeros beforehand.
 */
export class SyncedLog {
  readonly #file: FileHandle
  #waiting: Entry[] = []
  #position = 0
  #running: Promise<void> | undefined

  static async open(path: string, bytes: number): Promise<SyncedLog> {
    const file = await open(path, 'w')
    const zeros = Buffer.alloc(pieceBytes)
    for (let at = 0; at < bytes; at += pieceBytes) await file.write(zeros, 0, pieceBytes, at)
    await file.sync()
    return new SyncedLog(file)
  }

  private constructor(file: FileHandle) {
    this.#file = file
  }

  add(entry: Entry): void {
    this.#waiting.push(entry)
    this.#running ??= this.#run()
  }

  /** Resolves once all that was added is synced. Rejects if the disk failed. */
  async idle(): Promise<void> {
    await this.#running
  }

  async close(): Promise<void> {
    await this.idle()
    await this.#file.close()
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#waiting
      this.#waiting = []
      const bytes = Buffer.concat(entries.map(({ records }) => records))
      await this.#file.write(bytes, 0, bytes.length, this.#position)
      await this.#file.datasync()
      this.#position += bytes.length
      for (const { records, synced } of entries) synced(records)
    }
    this.#running = undefined
  }
}

import { writeDurably } from './durable-write.ts'
import { diskError, isDiskFull } from './file-queue-error.ts'
import type { File } from './file-system.ts'
import { byteLengthOf, type Parts } from './parts.ts'

export interface SegmentWriterOptions {
  readonly path: string
  /** Open for writing. The writer keeps it from here on. */
  readonly file: File
  /** Where valid data ends; everything before it is synced. */
  readonly end: number
  /** Size of the file. Behind `end` it holds zeros, or what it held in an earlier life. */
  readonly fileBytes: number
  /** How many zeros to write ahead of small groups, in bytes; 0 for none. */
  readonly zeroAheadBytes: number
  /** No zeros are written ahead from this offset on, as no group will begin there. */
  readonly zeroLimit: number
}

/** From this size on a group gains nothing from zeros ahead of it: writing them twice costs more. */
const largeGroupBytes = 96 * 1024

const largestZerosBytes = 1024 * 1024
const zeros = Buffer.alloc(largestZerosBytes)

/**
 * Appends groups to one segment, one at a time.
 *
 * States: `healthy` until a write or a sync fails. After that the kernel may have marked pages as
 * clean that never reached the disk, so that a second sync proves nothing: the writer must not be
 * used again, and the next segment's header says where this one ends. The one exception is a full
 * disk: what part of the group was taken is cut off again, durably, and the writer goes on.
 */
export class SegmentWriter {
  readonly path: string
  readonly #file: File
  /** 0 once the disk had no room for them. */
  #zeroAheadBytes: number
  readonly #zeroLimit: number
  #end: number
  #fileBytes: number
  #healthy = true

  constructor(options: SegmentWriterOptions) {
    this.path = options.path
    this.#file = options.file
    this.#end = options.end
    this.#fileBytes = options.fileBytes
    this.#zeroAheadBytes = Math.min(options.zeroAheadBytes, largestZerosBytes)
    this.#zeroLimit = options.zeroLimit
  }

  /** Where valid, synced data ends and the next group begins. */
  get end(): number {
    return this.#end
  }

  /** False once nothing may be written any more. */
  get healthy(): boolean {
    return this.#healthy
  }

  /**
   * Writes and syncs. Rejects with a `WalError`; if the writer is healthy then, nothing of the
   * bytes is left in the file, otherwise they may be there or not.
   */
  async append(bytes: Parts): Promise<void> {
    const byteLength = byteLengthOf(bytes)
    const end = this.#end + byteLength
    try {
      if (this.#wantsZeros(byteLength, end) && (await this.#zeroIfRoom(end))) {
        await this.#file.write(bytes, this.#end)
        await this.#file.sync()
      } else {
        await writeDurably(this.#file, bytes, this.#end)
      }
    } catch (cause) {
      this.#healthy = isDiskFull(cause) && (await this.#undo())
      throw diskError('write to', this.path, cause)
    }
    this.#end = end
    if (end > this.#fileBytes) this.#fileBytes = end
  }

  /** Size of the file. */
  get fileBytes(): number {
    return this.#fileBytes
  }

  /** Cuts off what lies behind the end, and gives back its room. Not synced: nothing depends on it. */
  async trim(): Promise<void> {
    if (this.#fileBytes === this.#end || !this.#healthy) return
    await this.#file.truncate(this.#end)
    this.#fileBytes = this.#end
  }

  async close(): Promise<void> {
    await this.#file.close()
  }

  #wantsZeros(groupBytes: number, end: number): boolean {
    return end > this.#fileBytes && groupBytes < largeGroupBytes && this.#zeroAheadBytes > 0
  }

  /** False if the disk is too full for zeros. What room they took is given back: it is the group's. */
  async #zeroIfRoom(end: number): Promise<boolean> {
    try {
      await this.#zeroAhead(end)
      return true
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause
      this.#zeroAheadBytes = 0
      await this.#cut()
      return false
    }
  }

  /** Once its blocks are there, a small write needs no new ones, and its sync no journal commit. */
  async #zeroAhead(end: number): Promise<void> {
    const goal = Math.min(end + this.#zeroAheadBytes, this.#zeroLimit)
    while (this.#fileBytes < goal) {
      const bytes = Math.min(goal - this.#fileBytes, zeros.byteLength)
      await this.#file.write(zeros.subarray(0, bytes), this.#fileBytes)
      this.#fileBytes += bytes
    }
  }

  /** Cuts off what was written behind the end, durably. False if that is not certain. */
  async #undo(): Promise<boolean> {
    try {
      await this.#cut()
      return true
    } catch {
      return false
    }
  }

  async #cut(): Promise<void> {
    await this.#file.truncate(this.#end)
    await this.#file.sync()
    this.#fileBytes = this.#end
  }
}

import type { WalError } from '../../errors.ts'
import { diskError, errnoOf } from './file-queue-error.ts'
import type { FileSystem } from './file-system.ts'
import type { LogSegment } from './log-segments.ts'

export interface SegmentRemovalOptions {
  readonly fileSystem: FileSystem
  /** Files of at least so many bytes are kept to be used again. */
  readonly segmentBytes: number
  /** Resolves once nobody has the files of these open, which are no longer part of the log. */
  letGo(segments: readonly LogSegment[]): Promise<void>
  reportError(error: WalError): void
}

/** The file of a segment that is no longer part of the log. */
export interface SpareSegment {
  readonly path: string
  /** Its size. */
  readonly fileBytes: number
}

/** One for the next segment, and one for the next but one if nothing is removed in between. */
const mostSpares = 2

/**
 * Removes the files of segments that are no longer part of the log: the last segment's header is
 * synced and says so. Nothing depends on when they go, so the removal is not synced. A file that
 * turns up again after a power cut is passed over when the log is opened, and removed then.
 *
 * While a log grows at one end as it goes at the other, a file or two are kept under their names to
 * become the next segments: a sync is faster where no blocks have to be found. They do not outlive
 * the log's owner, so that whatever lies in them is of segments with lower numbers.
 */
export class SegmentRemoval {
  readonly #options: SegmentRemovalOptions
  readonly #spares: SpareSegment[] = []
  /** Files that could not be removed. They are tried again beside the next ones. */
  readonly #left = new Set<string>()

  constructor(options: SegmentRemovalOptions) {
    this.#options = options
  }

  /** What the files take up that are kept to be used again. */
  get spareBytes(): number {
    return this.#spares.reduce((sum, { fileBytes }) => sum + fileBytes, 0)
  }

  /** Removes the files, but for those worth using again if `keepSpares`. Reports what fails. */
  async remove(segments: readonly LogSegment[], { keepSpares = false } = {}): Promise<void> {
    await this.#options.letGo(segments)
    const spares = keepSpares ? [] : this.#spares.splice(0)
    for (const { path } of spares) this.#left.add(path)
    for (const segment of segments) {
      if (keepSpares && this.#isWorthKeeping(segment)) this.#spares.push(segment)
      else this.#left.add(segment.path)
    }
    await this.#removeLeft()
  }

  /** See `CreateSegmentOptions`. */
  async takeSpare(header: Uint8Array): Promise<SpareSegment | undefined> {
    const spare = this.#spares.shift()
    if (spare === undefined) return undefined
    try {
      await this.#writeHeader(spare.path, header)
      return spare
    } catch (cause) {
      this.#left.add(spare.path)
      this.#options.reportError(diskError('write to', spare.path, cause))
      return undefined
    }
  }

  #isWorthKeeping({ fileBytes }: LogSegment): boolean {
    return this.#spares.length < mostSpares && fileBytes >= this.#options.segmentBytes
  }

  async #writeHeader(path: string, header: Uint8Array): Promise<void> {
    const file = await this.#options.fileSystem.open(path, 'read-write')
    try {
      await file.write(header, 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async #removeLeft(): Promise<void> {
    let failure: WalError | undefined
    for (const path of this.#left) {
      try {
        await this.#remove(path)
      } catch (cause) {
        failure ??= diskError('remove', path, cause)
      }
    }
    if (failure !== undefined) this.#options.reportError(failure)
  }

  async #remove(path: string): Promise<void> {
    try {
      await this.#options.fileSystem.remove(path)
    } catch (cause) {
      if (errnoOf(cause) !== 'ENOENT') throw cause
    }
    this.#left.delete(path)
  }
}

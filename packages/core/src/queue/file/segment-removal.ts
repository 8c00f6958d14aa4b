import type { WalError } from '../../errors.ts'
import { diskError, errnoOf } from './file-queue-error.ts'
import type { FileSystem } from './file-system.ts'
import type { LogSegment } from './log-segments.ts'

export interface SegmentRemovalOptions {
  readonly fileSystem: FileSystem
  /** Resolves once nobody has the files of these open, which are no longer part of the log. */
  letGo(segments: readonly LogSegment[]): Promise<void>
  reportError(error: WalError): void
}

/**
 * Removes the files of segments that are no longer part of the log: the last segment's header is
 * synced and says so. Nothing depends on when they go, so the removal is not synced. A file that
 * turns up again after a power cut is passed over when the log is opened, and removed then.
 */
export class SegmentRemoval {
  readonly #options: SegmentRemovalOptions
  /** Files that could not be removed. They are tried again beside the next ones. */
  readonly #left = new Set<string>()

  constructor(options: SegmentRemovalOptions) {
    this.#options = options
  }

  /** Never rejects: a failure is reported. */
  async remove(segments: readonly LogSegment[]): Promise<void> {
    await this.#options.letGo(segments)
    for (const { path } of segments) this.#left.add(path)
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

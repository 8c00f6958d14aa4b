import { join } from 'node:path'
import { WalError } from '../../../errors.ts'
import { errnoOf } from '../file-queue-error.ts'
import type { File, FileSystem, ReadableFile } from '../file-system.ts'

/** How far reading has got. */
export interface ReadProgress {
  readonly bytesRead: number
  /** Bytes of all files there are. */
  readonly bytesTotal: number
}

/** What a read may be watched by. */
export interface ReadWatch {
  /** Ends the work with `ERR_ABORTED`. */
  readonly signal?: AbortSignal | undefined
  /** Told how far reading has got, after each piece that was read. */
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined
}

/** A file that can only be read. */
export type WatchedFile = ReadableFile & Pick<File, 'close'>

/**
 * The files of one directory, named by their paths in it. They can only be read, so that nothing is
 * changed by mistake. Each read looks at the signal first, and tells of its progress.
 */
export class WatchedFiles {
  readonly directory: string
  readonly #fileSystem: FileSystem
  readonly #watch: ReadWatch
  #bytesRead = 0
  #bytesTotal = 0
  /** By path, how far a file that counts for the progress has been read. */
  readonly #furthest = new Map<string, number>()

  constructor(fileSystem: FileSystem, directory: string, watch: ReadWatch) {
    this.directory = directory
    this.#fileSystem = fileSystem
    this.#watch = watch
  }

  /** Names in the directory, or in one in it, sorted; none if there is no such directory. */
  async list(path = '.'): Promise<readonly string[]> {
    this.#checkSignal()
    try {
      return [...(await this.#fileSystem.list(join(this.directory, path)))].sort()
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  }

  /** The file will be read: it counts for the progress from here on. Answers its size. */
  async expect(path: string): Promise<number> {
    const size = await this.use(path, (file) => file.size())
    if (!this.#furthest.has(path)) this.#bytesTotal += size
    this.#furthest.set(path, this.#furthest.get(path) ?? 0)
    return size
  }

  /** Lets `read` have the file, and closes it. */
  async use<T>(path: string, read: (file: ReadableFile) => Promise<T>): Promise<T> {
    const file = await this.open(path)
    try {
      return await read(file)
    } finally {
      await file.close()
    }
  }

  async open(path: string): Promise<WatchedFile> {
    this.#checkSignal()
    const file = await this.#fileSystem.open(join(this.directory, path), 'read')
    return {
      size: () => file.size(),
      close: () => file.close(),
      read: async (into, position) => {
        this.#checkSignal()
        const filled = await file.read(into, position)
        this.#advance(path, position + filled)
        return filled
      },
    }
  }

  /** What is read a second time is no progress. */
  #advance(path: string, to: number): void {
    const furthest = this.#furthest.get(path)
    if (furthest === undefined || to <= furthest) return
    this.#furthest.set(path, to)
    this.#bytesRead += to - furthest
    const { onProgress } = this.#watch
    onProgress?.({ bytesRead: this.#bytesRead, bytesTotal: this.#bytesTotal })
  }

  #checkSignal(): void {
    const { signal } = this.#watch
    if (!signal?.aborted) return
    throw new WalError('ERR_ABORTED', 'Reading the directory was aborted by its signal.', {
      cause: signal.reason,
    })
  }
}

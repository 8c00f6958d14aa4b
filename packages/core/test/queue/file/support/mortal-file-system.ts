import type { File, FileSystem } from '../../../../src/queue/file/file-system.ts'
import { nodeFileSystem } from '../../../../src/queue/file/node-file-system.ts'
import type { AcquireLock } from '../../../../src/queue/file/owner-lock.ts'

/**
 * A process's view of the disk, which ends with it: after `die`, no call does anything or ever
 * returns. What was written before stays, as after SIGKILL.
 */
export class MortalFileSystem implements FileSystem {
  readonly #inner: FileSystem
  #dead = false

  constructor(inner: FileSystem = nodeFileSystem) {
    this.#inner = inner
  }

  die(): void {
    this.#dead = true
  }

  makeDirectory = (path: string) => this.#alive(() => this.#inner.makeDirectory(path))
  list = (path: string) => this.#alive(() => this.#inner.list(path))
  create = (path: string) => this.#alive(async () => this.#file(await this.#inner.create(path)))
  open = (path: string, access: 'read' | 'read-write') =>
    this.#alive(async () => this.#file(await this.#inner.open(path, access)))
  rename = (from: string, to: string) => this.#alive(() => this.#inner.rename(from, to))
  remove = (path: string) => this.#alive(() => this.#inner.remove(path))
  syncDirectory = (path: string) => this.#alive(() => this.#inner.syncDirectory(path))

  #file(file: File): File {
    return {
      write: (bytes, position) => this.#alive(() => file.write(bytes, position)),
      read: (into, position) => this.#alive(() => file.read(into, position)),
      size: () => this.#alive(() => file.size()),
      truncate: (size) => this.#alive(() => file.truncate(size)),
      sync: () => this.#alive(() => file.sync()),
      close: () => this.#alive(() => file.close()),
    }
  }

  async #alive<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#dead ? undefined : await run()
    if (this.#dead) await new Promise(() => {})
    return result as T
  }
}

/** Lets everybody in: for openers that a test keeps apart by itself. */
export const openLock: AcquireLock = async () => ({
  isHeld: async () => true,
  release: async () => {},
})

import type { File, FileSystem } from '../../../../src/queue/file/file-system.ts'
import { nodeFileSystem } from '../../../../src/queue/file/node-file-system.ts'
import { byteLengthOf } from '../../../../src/queue/file/parts.ts'

/** Names of the calls that change something, and `read` and `list`. */
export type DiskCall = keyof FileSystem | Exclude<keyof File, 'close' | 'size'>

/** A disk on which a test can look at, hold up, or fail any call before it is made. */
export class HookedFileSystem implements FileSystem {
  readonly #inner: FileSystem
  /**
   * Called before each call, with by how much a write makes its file larger; what it throws is what
   * the call rejects with.
   */
  hook: (call: DiskCall, path: string, growsBy: number) => void | Promise<void> = () => {}

  constructor(inner: FileSystem = nodeFileSystem) {
    this.#inner = inner
  }

  /** Makes the nth call that changes something fail, counted from 1, and no other. Answers a count. */
  failCall(nth: number, code: string): { readonly made: number } {
    const count = { made: 0 }
    this.hook = (call) => {
      if (call === 'read' || call === 'list' || call === 'open') return
      count.made++
      if (count.made === nth) throw diskFailure(code, call)
    }
    return count
  }

  /** Holds up the next read of such a file, until told to go on. */
  holdUpRead(isIt: (path: string) => boolean) {
    const begun = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    this.hook = async (call, path) => {
      if (call !== 'read' || !isIt(path)) return
      this.hook = () => {}
      begun.resolve()
      await goOn.promise
    }
    return { isBegun: begun.promise, goOn: (): void => goOn.resolve() }
  }

  async makeDirectory(path: string): Promise<void> {
    await this.hook('makeDirectory', path, 0)
    await this.#inner.makeDirectory(path)
  }

  async list(path: string): Promise<readonly string[]> {
    await this.hook('list', path, 0)
    return this.#inner.list(path)
  }

  async create(path: string): Promise<File> {
    await this.hook('create', path, 0)
    return this.#wrap(await this.#inner.create(path), path)
  }

  async open(path: string, access: 'read' | 'read-write'): Promise<File> {
    await this.hook('open', path, 0)
    return this.#wrap(await this.#inner.open(path, access), path)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.hook('rename', from, 0)
    await this.#inner.rename(from, to)
  }

  async remove(path: string): Promise<void> {
    await this.hook('remove', path, 0)
    await this.#inner.remove(path)
  }

  async syncDirectory(path: string): Promise<void> {
    await this.hook('syncDirectory', path, 0)
    await this.#inner.syncDirectory(path)
  }

  #wrap(file: File, path: string): File {
    const hooked = async <T>(call: DiskCall, run: () => Promise<T>): Promise<T> => {
      await this.hook(call, path, 0)
      return run()
    }
    return {
      write: async (bytes, position) => {
        const growsBy = Math.max(0, position + byteLengthOf(bytes) - (await file.size()))
        await this.hook('write', path, growsBy)
        await file.write(bytes, position)
      },
      read: (into, position) => hooked('read', () => file.read(into, position)),
      size: () => file.size(),
      truncate: (size) => hooked('truncate', () => file.truncate(size)),
      sync: () => hooked('sync', () => file.sync()),
      close: () => file.close(),
    }
  }
}

/** An error as the system raises it. */
export function diskFailure(code: string, call: string): Error {
  return Object.assign(new Error(`${code}: made to fail, ${call}`), { code, syscall: call })
}

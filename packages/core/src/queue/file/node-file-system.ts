import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DurablyWritable } from './durable-write.ts'
import { errnoOf } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { type Parts, sliceParts } from './parts.ts'

const privateFile = 0o600
const privateDirectory = 0o700

/**
 * The machine's file system. Files and directories are private to their owner.
 *
 * `sync` is fdatasync, on macOS F_FULLFSYNC. Windows has no sync of directories and needs none, as
 * NTFS keeps a journal of its entries.
 */
export const nodeFileSystem: FileSystem = {
  async makeDirectory(path) {
    await makeDirectory(resolve(path))
    await syncAncestors(resolve(path))
  },
  list: (path) => call((done) => fs.readdir(path, done)),
  create: (path) => openFile(path, 'wx+'),
  open: (path, access) => openFile(path, access === 'read' ? 'r' : 'r+'),
  rename: (from, to) => call((done) => fs.rename(from, to, done)),
  remove: (path) => call((done) => fs.unlink(path, done)),
  syncDirectory,
}

/** Node's own recursive mkdir never answers below a directory that takes none, such as /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOneDirectory(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await makeOneDirectory(path)
  }
}

async function makeOneDirectory(path: string): Promise<void> {
  try {
    await call<void>((done) => fs.mkdir(path, privateDirectory, done))
  } catch (error) {
    if (!(await isDirectory(path))) throw error
  }
}

/** What a sync of a directory answers where it cannot be had. */
const unsyncable: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'EINVAL',
  'ENOTSUP',
])

/**
 * The names of the directories must last like those of files, also where they were made by a process
 * that died before it could sync them. Where a directory further up may not be read, or lies on a
 * file system that takes no sync (a read-only root, say), no process like this one made anything.
 */
async function syncAncestors(path: string): Promise<void> {
  for (let name = path; dirname(name) !== name; name = dirname(name)) {
    const found = await identityOf(name)
    if (lasting.get(name) === found) continue
    try {
      await syncDirectory(dirname(name))
      if (name !== path) lasting.set(name, found)
    } catch (error) {
      if (!unsyncable.has(errnoOf(error))) throw error
    }
  }
}

/**
 * Directories above others, whose names this process has synced: the namespaces of a wal have them
 * in common. None is synced again as long as it is the same directory.
 */
const lasting = new Map<string, string>()

/** Numbers of inodes are used again; not with the same time of birth. */
async function identityOf(path: string): Promise<string> {
  const { dev, ino, birthtimeNs } = await call<fs.BigIntStats>((done) =>
    fs.stat(path, { bigint: true }, done),
  )
  return `${dev}:${ino}:${birthtimeNs}`
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    const stats = await call<fs.Stats>((done) => fs.stat(path, done))
    return stats.isDirectory()
  } catch {
    return false
  }
}

async function openFile(path: string, flags: string): Promise<File> {
  const descriptor = await call<number>((done) => fs.open(path, flags, privateFile, done))
  return new NodeFile(descriptor, flags !== 'r')
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const descriptor = await call<number>((done) => fs.open(path, 'r', done))
  try {
    await call<void>((done) => fs.fsync(descriptor, done))
  } finally {
    await call<void>((done) => fs.close(descriptor, done))
  }
}

class NodeFile implements DurablyWritable {
  readonly #descriptor: number
  /** The same file, opened so that a write is a sync as well. Null: that cannot be had. */
  #durable: number | null | undefined
  /** Calls on their way. The descriptor is closed only after them: its number may be used again. */
  #calls = 0
  #closed = false
  #whenIdle: () => void = () => {}

  constructor(descriptor: number, isWritable: boolean) {
    this.#descriptor = descriptor
    // Opened anew for writing it could be written though it was opened for reading.
    if (!isWritable) this.#durable = null
  }

  write(bytes: Parts, position: number): Promise<void> {
    return this.#write(this.#descriptor, bytes, position)
  }

  async writeDurably(bytes: Parts, position: number): Promise<void> {
    if (this.#durable === undefined) this.#durable = await this.#openDurable()
    if (this.#durable !== null) return await this.#write(this.#durable, bytes, position)
    await this.write(bytes, position)
    return await this.sync()
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < into.byteLength) {
      const left = into.byteLength - filled
      const at = position + filled
      const count = await this.#call<number>((done) =>
        fs.read(this.#descriptor, into, filled, left, at, done),
      )
      if (count === 0) break
      filled += count
    }
    return filled
  }

  async size(): Promise<number> {
    const stats = await this.#call<fs.Stats>((done) => fs.fstat(this.#descriptor, done))
    return stats.size
  }

  truncate(size: number): Promise<void> {
    return this.#call((done) => fs.ftruncate(this.#descriptor, size, done))
  }

  sync(): Promise<void> {
    return this.#call((done) => fs.fdatasync(this.#descriptor, done))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    for (const descriptor of [this.#durable ?? null, this.#descriptor]) {
      if (descriptor !== null) await call<void>((done) => fs.close(descriptor, done))
    }
  }

  async #write(descriptor: number, bytes: Parts, position: number): Promise<void> {
    let left = sliceParts(bytes, 0)
    let at = position
    while (left.length > 0) {
      const count = await this.#call<number>((done) => fs.writev(descriptor, left, at, done))
      if (count === 0) throw new Error('The system wrote nothing, and gave no reason.')
      left = sliceParts(left, count)
      at += count
    }
  }

  /** O_DSYNC is fdatasync on Linux. On macOS it does less. The path in /proc is the file itself. */
  async #openDurable(): Promise<number | null> {
    if (process.platform !== 'linux') return null
    const flags = fs.constants.O_RDWR | fs.constants.O_DSYNC
    const path = `/proc/self/fd/${this.#descriptor}`
    return await this.#call<number>((done) => fs.open(path, flags, done)).catch(() => null)
  }

  async #call<T>(run: (done: Done<T>) => void): Promise<T> {
    if (this.#closed) throw new Error('The file is closed.')
    this.#calls += 1
    try {
      return await call<T>(run)
    } finally {
      this.#calls -= 1
      if (this.#calls === 0) this.#whenIdle()
    }
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, result?: T) => void

/** Calls one of Node's functions that take a callback: without a `FileHandle` in between. */
function call<T>(run: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result as T)))
  })
}

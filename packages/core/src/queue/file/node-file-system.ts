import fs from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { File, FileSystem } from './file-system.ts'

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
    const first = await call<string | undefined>((done) =>
      fs.mkdir(path, { recursive: true, mode: privateDirectory }, done),
    )
    if (first === undefined) return
    // The names of the directories made must last like those of files.
    for (let made = resolve(path); ; made = dirname(made)) {
      await syncDirectory(dirname(made))
      if (made === resolve(first) || made === dirname(made)) return
    }
  },
  list: (path) => call((done) => fs.readdir(path, done)),
  create: (path) => openFile(path, 'wx+'),
  open: (path, access) => openFile(path, access === 'read' ? 'r' : 'r+'),
  rename: (from, to) => call((done) => fs.rename(from, to, done)),
  remove: (path) => call((done) => fs.unlink(path, done)),
  syncDirectory,
}

async function openFile(path: string, flags: string): Promise<File> {
  return new NodeFile(await call((done) => fs.open(path, flags, privateFile, done)))
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

class NodeFile implements File {
  readonly #descriptor: number
  /** Calls on their way. The descriptor is closed only after them: its number may be used again. */
  #calls = 0
  #closed = false
  #whenIdle: () => void = () => {}

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    let written = 0
    while (written < bytes.byteLength) {
      const left = bytes.byteLength - written
      const at = position + written
      const count = await this.#call<number>((descriptor, done) =>
        fs.write(descriptor, bytes, written, left, at, done),
      )
      if (count === 0) throw new Error('The system wrote nothing, and gave no reason.')
      written += count
    }
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let filled = 0
    while (filled < into.byteLength) {
      const left = into.byteLength - filled
      const at = position + filled
      const count = await this.#call<number>((descriptor, done) =>
        fs.read(descriptor, into, filled, left, at, done),
      )
      if (count === 0) break
      filled += count
    }
    return filled
  }

  async size(): Promise<number> {
    const stats = await this.#call<fs.Stats>((descriptor, done) => fs.fstat(descriptor, done))
    return stats.size
  }

  truncate(size: number): Promise<void> {
    return this.#call((descriptor, done) => fs.ftruncate(descriptor, size, done))
  }

  sync(): Promise<void> {
    return this.#call((descriptor, done) => fs.fdatasync(descriptor, done))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    await call<void>((done) => fs.close(this.#descriptor, done))
  }

  async #call<T>(run: (descriptor: number, done: Done<T>) => void): Promise<T> {
    if (this.#closed) throw new Error('The file is closed.')
    this.#calls += 1
    try {
      return await call<T>((done) => run(this.#descriptor, done))
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

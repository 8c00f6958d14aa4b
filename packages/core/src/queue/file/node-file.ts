import { constants, type Stats } from 'node:fs'
import { syncData, writeSome } from './disk-calls.ts'
import type { DurablyWritable } from './durable-write.ts'
import type { FileHandles, Shelvable } from './file-handles.ts'
import { fsCall, identityOf } from './fs-call.ts'
import { byteLengthOf, type Parts, partsOf, sliceParts } from './parts.ts'
import { UnsyncedChanges } from './unsynced-changes.ts'

export interface NodeFileOptions {
  readonly path: string
  readonly descriptor: number
  readonly access: 'read' | 'read-write'
  readonly handles: FileHandles
  onClosed(file: NodeFile): void
}

/**
 * A file of the machine. While nobody uses it and many others are in use its descriptors are closed;
 * when it is wanted again it is opened by the name it has by then.
 *
 * That is done only while everything written to it is known to be synced. The system tells of a page
 * that it failed to write only those who had the file open at that time: closed before the sync and
 * opened after it, the file would seem to be well. One that had a failure stays open.
 */
export class NodeFile implements DurablyWritable, Shelvable {
  /** Where it is now: whoever renames it says so. */
  path: string
  readonly #options: NodeFileOptions
  readonly #unsynced = new UnsyncedChanges()
  /** Undefined while it is shelved. */
  #descriptor: number | undefined
  /** The same file, opened so that a write is a sync as well. Null: that cannot be had. */
  #durable: number | null | undefined
  #opening: Promise<number> | undefined
  /** Tells whether the name still means this file. Set when it is first shelved. */
  #identity: Promise<string> | undefined
  /** Calls on their way. Descriptors are closed only after them: their numbers may be used again. */
  #calls = 0
  /** Above 0 while it has to stay open. */
  #pins = 0
  #closed = false
  #whenIdle: () => void = () => {}

  constructor(options: NodeFileOptions) {
    this.#options = options
    this.path = options.path
    this.#descriptor = options.descriptor
    // Opened anew for writing it could be written though it was opened for reading.
    if (options.access === 'read') this.#durable = null
    options.handles.opened(1)
    this.#putUp()
  }

  get descriptors(): number {
    return (this.#descriptor === undefined ? 0 : 1) + (typeof this.#durable === 'number' ? 1 : 0)
  }

  write(bytes: Parts, position: number): Promise<void> {
    return this.#change((descriptor) => writeAll(descriptor, bytes, position))
  }

  async writeDurably(bytes: Parts, position: number): Promise<void> {
    await this.#during(async (descriptor) => {
      const durable = this.#durable ?? (await this.#openDurable(descriptor))
      if (durable !== null) {
        const written = writeAll(durable, bytes, position)
        return await this.#unsynced.change(written, { isSync: true })
      }
      await this.write(bytes, position)
      await this.sync()
    })
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#during(async (descriptor) => {
      let filled = 0
      while (filled < into.byteLength) {
        const at = position + filled
        const left = into.byteLength - filled
        const count = await fsCall<number>('read', descriptor, into, filled, left, at)
        if (count === 0) break
        filled += count
      }
      return filled
    })
  }

  size(): Promise<number> {
    return this.#during(async (descriptor) => (await fsCall<Stats>('fstat', descriptor)).size)
  }

  truncate(size: number): Promise<void> {
    return this.#change((descriptor) => fsCall('ftruncate', descriptor, size))
  }

  sync(): Promise<void> {
    return this.#during((descriptor) => this.#unsynced.sync(syncData(descriptor)))
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#options.handles.takeDown(this)
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve
      })
    }
    this.#options.onClosed(this)
    this.#options.handles.closed(this.descriptors)
    await this.#closeDescriptors()
  }

  shelve(): void {
    if (this.#descriptor === undefined) return
    this.#identity ??= identityOf(this.#descriptor)
    const known = this.#identity.then(ignore, ignore)
    // A close that fails loses nothing: all of the file is synced.
    void this.#closeDescriptors(known).catch(ignore)
  }

  /** Opens it, if it is shelved, and keeps it open until `unpin`: its name is about to change. */
  async pin(): Promise<void> {
    this.#pins += 1
    if (!this.#closed) await this.#during(async () => {})
  }

  unpin(): void {
    this.#pins -= 1
    this.#putUp()
  }

  #change(run: (descriptor: number) => Promise<void>): Promise<void> {
    return this.#during((descriptor) => this.#unsynced.change(run(descriptor), { isSync: false }))
  }

  /** O_DSYNC is fdatasync on Linux. On macOS it does less. The path in /proc is the file itself. */
  async #openDurable(descriptor: number): Promise<number | null> {
    if (this.#durable !== undefined) return this.#durable
    this.#durable = null
    if (process.platform !== 'linux') return null
    const flags = constants.O_RDWR | constants.O_DSYNC
    const path = `/proc/self/fd/${descriptor}`
    this.#durable = await fsCall<number>('open', path, flags).catch(() => null)
    if (this.#durable !== null) this.#options.handles.opened(1)
    return this.#durable
  }

  async #during<T>(run: (descriptor: number) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error('The file is closed.')
    this.#calls += 1
    this.#options.handles.takeDown(this)
    try {
      return await run(this.#descriptor ?? (await this.#open()))
    } finally {
      this.#calls -= 1
      if (this.#calls === 0) this.#whenIdle()
      this.#putUp()
    }
  }

  #putUp(): void {
    const isIdle = this.#calls === 0 && this.#pins === 0 && this.#unsynced.none
    if (isIdle && !this.#closed && this.#descriptor !== undefined) this.#options.handles.putUp(this)
  }

  #open(): Promise<number> {
    this.#opening ??= this.#openAgain().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #openAgain(): Promise<number> {
    const { access, handles } = this.#options
    const descriptor = await fsCall<number>('open', this.path, access === 'read' ? 'r' : 'r+')
    if ((await identityOf(descriptor)) !== (await this.#identity)) {
      await fsCall('close', descriptor)
      throw new Error(`${this.path} is another file than the one that was opened before.`)
    }
    this.#descriptor = descriptor
    handles.opened(1)
    return descriptor
  }

  async #closeDescriptors(first?: Promise<void>): Promise<void> {
    const descriptors = [this.#durable, this.#descriptor]
    this.#descriptor = undefined
    if (typeof this.#durable === 'number') this.#durable = undefined
    await first
    for (const descriptor of descriptors) {
      if (typeof descriptor === 'number') await fsCall('close', descriptor)
    }
  }
}

async function writeAll(descriptor: number, bytes: Parts, position: number): Promise<void> {
  const length = byteLengthOf(bytes)
  let written = 0
  while (written < length) {
    const left = written === 0 ? partsOf(bytes) : sliceParts(bytes, written)
    const count = await writeSome(descriptor, left, position + written)
    if (count === 0) throw new Error('The system wrote nothing, and gave no reason.')
    written += count
  }
}

function ignore(): void {}

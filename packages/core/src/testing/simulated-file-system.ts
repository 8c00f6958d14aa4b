import { dirname, normalize } from 'node:path'
import type { File, FileSystem } from '../queue/file/file-system.ts'
import type { Random } from '../random.ts'
import { type Keep, SimulatedFile } from './simulated-file.ts'

/** A method of `FileSystem`, or of a `File`. */
export type DiskCallKind = keyof FileSystem | Exclude<keyof File, 'size'> | 'size'

/** One call to the disk, as faults are chosen by. */
export interface DiskCall {
  readonly kind: DiskCallKind
  readonly path: string
  /** Counted from 1 over all calls. */
  readonly number: number
  /** Counted from 1 over the calls of its kind. */
  readonly numberOfKind: number
}

/**
 * What goes wrong in a call.
 *
 * - `fail`: it rejects with this error code. `lands`, 0 to 1 (default 0): how much of it was done
 *   all the same; of a write so much of its bytes, of a sync about so many sectors, of any other
 *   call all from 1 on. Whatever a failed sync did not write counts as clean afterwards.
 * - `halt`: the machine stops: neither this call nor any later one is ever answered. A sync has
 *   done nothing by then, anything else is done, but not lasting.
 */
export type DiskFault = { readonly fail: string; readonly lands?: number } | { readonly halt: true }

export interface SimulatedFileSystemOptions {
  /** Decides what a crash keeps, what a failed sync wrote, and how long calls take. */
  readonly random: Random
  /** Bytes all files together may have; a write beyond fails with `ENOSPC`. Default: no limit. */
  readonly capacityBytes?: number
  /** Makes `sync` a lie, to prove that a suite notices. */
  readonly ignoreSync?: boolean
  /** Makes `syncDirectory` a lie, to prove that a suite notices. */
  readonly ignoreDirectorySync?: boolean
}

interface EntryChange {
  readonly directory: string
  apply(entries: Map<string, SimulatedFile>): void
}

/**
 * A file system in memory that behaves as badly as a real one may. It tells what is on the disk
 * from what a process sees: bytes by sectors, sizes, and the entries of directories. Calls may be
 * made to fail, and the machine to stop at any of them; `crash` then gives the disk as found.
 * Directories themselves are lasting once made. Runs repeat from the seed of `random`.
 */
export class SimulatedFileSystem implements FileSystem {
  /** Asked before each call. May be replaced at any time. */
  fault: (call: DiskCall) => DiskFault | undefined = () => undefined
  capacityBytes: number
  /** Resolves when the machine has stopped. */
  readonly halted: Promise<void>
  readonly #options: SimulatedFileSystemOptions
  readonly #random: Random
  readonly #directories = new Set<string>()
  /** As processes see them. */
  readonly #entries = new Map<string, SimulatedFile>()
  /** As they are on the disk. */
  readonly #lasting = new Map<string, SimulatedFile>()
  /** What turns `#lasting` into `#entries`, oldest first. */
  #changes: EntryChange[] = []
  readonly #counts = new Map<DiskCallKind, number>()
  #calls = 0
  #isHalted = false
  #halt: () => void = () => {}

  constructor(options: SimulatedFileSystemOptions) {
    this.#options = options
    this.#random = options.random
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
    this.halted = new Promise((resolve) => {
      this.#halt = resolve
    })
  }

  /** How many calls there were, of one kind or of all. */
  calls(kind?: DiskCallKind): number {
    return kind === undefined ? this.#calls : (this.#counts.get(kind) ?? 0)
  }

  /** The files there are, in the order in which they were made. */
  get paths(): readonly string[] {
    return [...this.#entries.keys()]
  }

  /** A file's bytes as a process would read them. */
  bytesOf(path: string): Buffer {
    return this.#fileAt('read', path).bytes
  }

  /** Puts a file on the disk, lasting. */
  put(path: string, bytes: Uint8Array): void {
    const file = new SimulatedFile(bytes)
    this.#entries.set(normalize(path), file)
    this.#lasting.set(normalize(path), file)
    this.#directories.add(dirname(normalize(path)))
  }

  /** The disk as found after a power cut now, in a machine started again. This one stays as it is. */
  crash({ keep, random = this.#random }: { keep: Keep; random?: Random }): SimulatedFileSystem {
    const lasting = new Map(this.#lasting)
    for (const change of this.#changes) {
      if (keep === 'all' || (keep === 'random' && random.next() < 0.5)) change.apply(lasting)
    }
    const found = this.#successor()
    for (const [path, file] of lasting) found.put(path, file.afterPowerCut(keep, random).bytes)
    return found
  }

  /** The same machine after its processes were killed: what was not synced is still in memory. */
  kill(): SimulatedFileSystem {
    const clones = new Map<SimulatedFile, SimulatedFile>()
    const cloneOf = (file: SimulatedFile): SimulatedFile => {
      const clone = clones.get(file) ?? file.clone()
      clones.set(file, clone)
      return clone
    }
    const found = this.#successor()
    for (const [path, file] of this.#lasting) found.#lasting.set(path, cloneOf(file))
    for (const [path, file] of this.#entries) found.#entries.set(path, cloneOf(file))
    const { directories, missing } = this.#unsettledEntries()
    for (const directory of directories) found.#changes.push(replaceEntries(directory, found.#entries))
    return missing ? found : found
  }
}

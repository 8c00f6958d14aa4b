import { normalize } from 'node:path'
import type { File, FileSystem } from '../queue/file/file-system.ts'
import type { Random } from '../random.ts'
import { diskFailure, SimulatedDisk } from './simulated-disk.ts'
import type { Keep, SimulatedFile } from './simulated-file.ts'
import { type Effect, openSimulatedFile, withoutDurableWrites } from './simulated-open-file.ts'

/** A method of `FileSystem` or of one of its files. */
export type DiskCallKind = keyof FileSystem | keyof File | 'writeDurably'

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
 * - `fail`: it rejects with this error code (`EIO`, `EACCES`, …). `lands`, 0 to 1, default 0, is how
 *   much of it was done all the same: so much of a write's bytes; about so many of a sync's sectors;
 *   any other call, if it is 1. What a failed sync did not write counts as clean afterwards.
 * - `halt`: the machine stops; neither this call nor any later one is ever answered. A sync has done
 *   nothing by then; anything else may have been done, and is as lasting as it is without a sync.
 */
export type DiskFault =
  | { readonly fail: string; readonly lands?: number | undefined }
  | { readonly halt: true }

/** How a {@link SimulatedFileSystem} behaves. */
export interface SimulatedFileSystemOptions {
  /** Decides what a crash keeps, what a failed sync wrote, and in which order calls are done. */
  readonly random: Random
  /** Bytes that all files together may have; writes beyond fail with `ENOSPC`. Default: no limit. */
  readonly capacityBytes?: number | undefined
  /** How likely it is that a call finds parts of files written back already, 0 to 1. Default: 0. */
  readonly writeBack?: number | undefined
  /** Whether files can write and sync in one call, as on Linux. Default: true. */
  readonly durableWrites?: boolean | undefined
  /** Makes `sync` a lie, to prove that a suite notices. */
  readonly ignoreSync?: boolean | undefined
  /** Makes `syncDirectory` a lie, to prove that a suite notices. */
  readonly ignoreDirectorySync?: boolean | undefined
}

/**
 * A file system in memory that behaves as badly as a real one may. It tells what is on the disk
 * from what processes see: bytes by sectors, sizes, directory entries. Calls can be made to fail,
 * the machine to stop in the middle of one; `crash` gives the disk as found then. Directories
 * themselves last once they are made. A run repeats from the seed of `random`.
 */
export class SimulatedFileSystem implements FileSystem {
  /** Asked before each call; may be replaced at any time. */
  fault: (call: DiskCall) => DiskFault | undefined = () => undefined
  capacityBytes: number
  /** Resolves once the machine has stopped. */
  readonly halted: Promise<void>
  readonly #options: SimulatedFileSystemOptions
  readonly #disk: SimulatedDisk
  readonly #counts = new Map<DiskCallKind, number>()
  #calls = 0
  #isHalted = false
  #halt: () => void = () => {}

  constructor(options: SimulatedFileSystemOptions)
  /** @internal What another one has left. */
  constructor(options: SimulatedFileSystemOptions, disk: SimulatedDisk)
  constructor(options: SimulatedFileSystemOptions, disk = new SimulatedDisk()) {
    this.#options = options
    this.#disk = disk
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
    this.halted = new Promise((resolve) => {
      this.#halt = resolve
    })
  }

  /** How many calls there were, of one kind or of all. */
  calls(kind?: DiskCallKind): number {
    return kind === undefined ? this.#calls : (this.#counts.get(kind) ?? 0)
  }

  /** True once the machine has stopped. */
  get isHalted(): boolean {
    return this.#isHalted
  }

  /** The files there are. */
  get paths(): readonly string[] {
    return [...this.#disk.entries.keys()]
  }

  /** A copy of a file's bytes as a process would read them. */
  bytesOf(path: string): Buffer {
    return this.#disk.fileAt(path, 'read').bytes
  }

  /** Puts a file on the disk, lasting. */
  put(path: string, bytes: Uint8Array): void {
    this.#disk.put(normalize(path), bytes)
  }

  /**
   * The disk as found after a power cut now, in a machine started anew. This one is left as it is,
   * so that it can be asked again.
   */
  crash({ keep, random }: { readonly keep: Keep; readonly random?: Random }): SimulatedFileSystem {
    const disk = this.#disk.afterPowerCut(keep, random ?? this.#options.random)
    return this.#successor(disk)
  }

  /**
   * The same machine after its processes were killed: it still has in memory what was not synced,
   * and takes for written what a failed sync has left out. This one answers no more.
   */
  kill(): SimulatedFileSystem {
    this.#stop()
    return this.#successor(this.#disk)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#call('makeDirectory', path, {
      run: () => this.#disk.makeDirectory(normalize(path)),
    })
  }

  list(path: string): Promise<readonly string[]> {
    return this.#call('list', path, { run: () => this.#disk.list(normalize(path)) })
  }

  create(path: string): Promise<File> {
    return this.#call('create', path, {
      run: () => this.#open(path, this.#disk.create(normalize(path))),
    })
  }

  open(path: string, access: 'read' | 'read-write'): Promise<File> {
    return this.#call('open', path, {
      run: () => {
        const file = this.#disk.fileAt(normalize(path), 'open')
        return this.#open(path, file, access === 'read-write')
      },
    })
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call('rename', to, {
      run: () => this.#disk.rename(normalize(from), normalize(to)),
    })
  }

  remove(path: string): Promise<void> {
    return this.#call('remove', path, { run: () => this.#disk.remove(normalize(path)) })
  }

  syncDirectory(path: string): Promise<void> {
    return this.#call('syncDirectory', path, {
      run: () => {
        if (!this.#options.ignoreDirectorySync) this.#disk.syncDirectory(normalize(path))
      },
      halt: () => {},
    })
  }

  #open(path: string, file: SimulatedFile, writable = true): File {
    const { random, ignoreSync = false, durableWrites = true } = this.#options
    const open = openSimulatedFile(file, {
      path,
      writable,
      random,
      ignoreSync,
      call: (kind, effect) => this.#call(kind, path, effect),
      room: () => this.capacityBytes - this.#disk.usedBytes,
    })
    return durableWrites ? open : withoutDurableWrites(open)
  }

  /** Makes one call: after a while, unless a fault says otherwise. */
  async #call<T>(kind: DiskCallKind, path: string, effect: Effect<T>): Promise<T> {
    if (this.#isHalted) return await never
    this.#calls += 1
    const numberOfKind = this.calls(kind) + 1
    this.#counts.set(kind, numberOfKind)
    const fault = this.fault({ kind, path, number: this.#calls, numberOfKind })
    for (let turns = Math.floor(this.#options.random.next() * 4); turns > 0; turns--) {
      await Promise.resolve()
    }
    if (this.#isHalted) return await never
    const { random, writeBack = 0 } = this.#options
    if (writeBack > 0 && random.next() < writeBack) this.#disk.writeBack(random)
    const { run, fail, halt } = effect
    if (fault === undefined) return run()
    if ('halt' in fault) {
      if (halt) halt()
      else if (random.next() < 0.5) run()
      this.#stop()
      return await never
    }
    const { lands = 0 } = fault
    if (fail) fail(lands)
    else if (lands >= 1) run()
    throw diskFailure(fault.fail, kind, path)
  }

  #successor(disk: SimulatedDisk): SimulatedFileSystem {
    const { capacityBytes } = this
    return new SimulatedFileSystem({ ...this.#options, capacityBytes }, disk)
  }

  #stop(): void {
    this.#isHalted = true
    this.#halt()
  }
}

const never = new Promise<never>(() => {})

import { basename, dirname } from 'node:path'
import type { Random } from '../random.ts'
import { type Keep, SimulatedFile } from './simulated-file.ts'

/** A change of a directory that need not be on the disk yet. */
interface EntryChange {
  readonly directory: string
  readonly gone: string | undefined
  readonly added: readonly [path: string, file: SimulatedFile] | undefined
}

type Entries = Map<string, SimulatedFile>

/** Files and their names, as processes see them and as they are on the disk. */
export class SimulatedDisk {
  /** By path, as processes see them. */
  readonly entries: Entries = new Map()
  readonly #directories = new Set<string>()
  readonly #lasting: Entries = new Map()
  /** What makes `entries` of `#lasting`, oldest first. */
  #changes: EntryChange[] = []

  get usedBytes(): number {
    let bytes = 0
    for (const file of this.entries.values()) bytes += file.size
    return bytes
  }

  fileAt(path: string, kind: string): SimulatedFile {
    const file = this.entries.get(path)
    if (file === undefined) throw missing(kind, path)
    return file
  }

  put(path: string, bytes: Uint8Array): void {
    const file = new SimulatedFile(bytes)
    this.entries.set(path, file)
    this.#lasting.set(path, file)
    this.makeDirectory(dirname(path))
  }

  makeDirectory(path: string): void {
    for (let made = path; !this.#directories.has(made); made = dirname(made)) {
      this.#directories.add(made)
    }
  }

  list(path: string): readonly string[] {
    if (!this.#directories.has(path)) throw missing('list', path)
    const all = [...this.entries.keys(), ...this.#directories]
    return all.filter((one) => dirname(one) === path && one !== path).map((one) => basename(one))
  }

  create(path: string): SimulatedFile {
    if (!this.#directories.has(dirname(path))) throw missing('create', path)
    if (this.entries.has(path)) throw diskFailure('EEXIST', 'create', path)
    const file = new SimulatedFile()
    this.#change({ directory: dirname(path), gone: undefined, added: [path, file] })
    return file
  }

  rename(from: string, to: string): void {
    const file = this.fileAt(from, 'rename')
    this.#change({ directory: dirname(to), gone: from, added: [to, file] })
  }

  remove(path: string): void {
    this.fileAt(path, 'remove')
    this.#change({ directory: dirname(path), gone: path, added: undefined })
  }

  syncDirectory(path: string): void {
    if (!this.#directories.has(path)) throw missing('syncDirectory', path)
    for (const change of this.#changes) {
      if (change.directory === path) applyChange(change, this.#lasting)
    }
    this.#changes = this.#changes.filter(({ directory }) => directory !== path)
  }

  /** Writes parts of all files out of turn. */
  writeBack(random: Random): void {
    for (const file of this.entries.values()) file.writeBack(random)
  }

  /** The disk as a power cut now would leave it. */
  afterPowerCut(keep: Keep, random: Random): SimulatedDisk {
    const lasting = new Map(this.#lasting)
    for (const change of this.#changes) {
      const isKept = keep === 'all' || (keep === 'random' && random.next() < 0.5)
      if (isKept) applyChange(change, lasting)
    }
    const found = new SimulatedDisk()
    for (const path of this.#directories) found.#directories.add(path)
    for (const [path, file] of lasting) {
      const left = file.afterPowerCut(keep, random)
      found.entries.set(path, left)
      found.#lasting.set(path, left)
    }
    return found
  }

  #change(change: EntryChange): void {
    applyChange(change, this.entries)
    this.#changes.push(change)
  }
}

function applyChange({ gone, added }: EntryChange, entries: Entries): void {
  if (gone !== undefined) entries.delete(gone)
  if (added !== undefined) entries.set(...added)
}

function missing(kind: string, path: string): Error {
  return diskFailure('ENOENT', kind, path)
}

/** An error as the system raises it. */
export function diskFailure(code: string, kind: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated failure, ${kind} '${path}'`), { code })
}

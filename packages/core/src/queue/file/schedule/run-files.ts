import type { Random } from '../../../random.ts'
import type { Cursor } from '../cursor.ts'
import { errnoOf } from '../file-queue-error.ts'
import type { FileSystem } from '../file-system.ts'
import { Run, type RunName } from './run.ts'
import { type NewRun, type RunTables, writeRun } from './run-writer.ts'

export interface RunFilesOptions {
  /** Where the runs of all targets are. Made when the first one is written. */
  readonly directory: string
  /** What the names of this target's runs begin with. */
  readonly name: string
  readonly cursor: Cursor
  readonly fileSystem: FileSystem
  readonly random: Random
}

/** The name of a run's file; `name` is what those of its target begin with. */
export function runFileName(name: string, { number, salt }: RunName): string {
  const digits = String(number).padStart(12, '0')
  return `${name}.${digits}-${salt.toString(16).padStart(8, '0')}.run`
}

/** The files of one target's runs: what they are called, and when they come and go. */
export class RunFiles {
  readonly #options: RunFilesOptions
  #lastNumber = 0
  #hasDirectory = false
  /** Files that nothing needs any more, once the cursor is synced. */
  #useless: string[] = []
  /** Settles once what was useless is removed. */
  #removing: Promise<void> = Promise.resolve()

  constructor(options: RunFilesOptions) {
    this.#options = options
  }

  open(name: RunName): Promise<Run> {
    return Run.open(this.#options.fileSystem, this.pathOf(name), name)
  }

  /** Writes a new run, durable, and opens it; undefined if it has no rows. */
  async write(
    tables: RunTables,
  ): Promise<{ readonly name: NewRun; readonly run: Run | undefined }> {
    const { fileSystem, directory } = this.#options
    if (!this.#hasDirectory) await fileSystem.makeDirectory(directory)
    this.#hasDirectory = true
    const name = this.#newName()
    const rows = await writeRun(name, tables)
    return { name, run: rows === 0 ? undefined : await this.open(name) }
  }

  pathOf(run: RunName): string {
    const { directory, name } = this.#options
    return `${directory}/${runFileName(name, run)}`
  }

  /** Removes the files of this target that the cursor does not name. */
  async removeLeftOvers(): Promise<void> {
    const { cursor, fileSystem, directory } = this.#options
    const named = new Set(
      [...cursor.runs].map(([number, { salt }]) => this.pathOf({ number, salt })),
    )
    for (const file of await this.#list()) {
      const path = `${directory}/${file}`
      // Should it fail nothing depends on it.
      if (!named.has(path)) await fileSystem.remove(path).catch(() => {})
    }
  }

  /** Has files removed as soon as it is lasting that the cursor names them no longer. */
  remove(...paths: readonly string[]): void {
    this.#useless.push(...paths)
    this.#removing = this.#removing.then(() => this.#removeUseless())
  }

  /** Resolves once nothing is under way. What could not be removed is left to the next opening. */
  async settle(): Promise<void> {
    this.remove()
    await this.#removing
  }

  async #removeUseless(): Promise<void> {
    const { cursor, fileSystem } = this.#options
    const paths = this.#useless
    if (paths.length === 0) return
    this.#useless = []
    if (await cursor.sync()) {
      for (const path of paths) await fileSystem.remove(path).catch(() => {})
    } else this.#useless.push(...paths)
  }

  #newName(): NewRun {
    const { random, fileSystem, directory, cursor } = this.#options
    const salt = Buffer.from(random.fill(new Uint8Array(4))).readUInt32LE(0)
    const number = Math.max(cursor.nextRunNumber, this.#lastNumber + 1)
    this.#lastNumber = number
    return { fileSystem, directory, number, salt, path: this.pathOf({ number, salt }) }
  }

  /** The names of this target's runs. Those of another may begin alike. */
  async #list(): Promise<readonly string[]> {
    const { fileSystem, directory, name } = this.#options
    try {
      const all = await fileSystem.list(directory)
      const isRun = /^\.\d{12,}-[0-9a-f]{8}\.run$/
      return all.filter((file) => file.startsWith(name) && isRun.test(file.slice(name.length)))
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return []
      throw error
    }
  }
}

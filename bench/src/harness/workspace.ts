import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

const signals = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const

/**
 * A temporary directory that does not outlive the process, whether it ends by itself, by an error
 * or by Ctrl-C. Only `kill -9` leaves it behind.
 */
export class Workspace {
  readonly directory: string
  /** The parent, if this made it and so has to remove it. */
  readonly #ownParent: string | undefined
  #made = 0

  /** Makes `daybook-bench-…` below `parent`, and `parent` too if need be. */
  constructor(parent: string) {
    this.#ownParent = mkdirSync(parent, { recursive: true }) === undefined ? undefined : parent
    this.directory = mkdtempSync(join(parent, 'daybook-bench-'))
    process.once('exit', this.#remove)
    for (const signal of Object.keys(signals)) process.once(signal, this.#interrupted)
  }

  /** Runs with a fresh directory and removes it afterwards. */
  async use<T>(run: (directory: string) => Promise<T>): Promise<T> {
    this.#made += 1
    const directory = join(this.directory, String(this.#made))
    await mkdir(directory)
    try {
      return await run(directory)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** Removes everything now. */
  [Symbol.dispose](): void {
    process.off('exit', this.#remove)
    for (const signal of Object.keys(signals)) process.off(signal, this.#interrupted)
    this.#remove()
  }

  readonly #interrupted = (signal: keyof typeof signals): void => {
    process.exit(128 + signals[signal])
  }

  readonly #remove = (): void => {
    // A contestant interrupted in mid-write may still be adding files; hence the second tries.
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 })
    if (this.#ownParent === undefined) return
    try {
      rmdirSync(this.#ownParent)
    } catch {
      // Another run lives there too.
    }
  }
}

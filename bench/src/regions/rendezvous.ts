import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Processes that meet: by files in a directory, as they know nothing else of each other. */
export class Rendezvous {
  readonly #directory: string
  readonly #name: string
  readonly #names: readonly string[]

  constructor(directory: string, name: string, names: readonly string[]) {
    this.#directory = directory
    this.#name = name
    this.#names = names
  }

  /** Leaves a word at a place, and resolves with everybody's, by name, once all have been there. */
  async meet(place: string, word = ''): Promise<Readonly<Record<string, string>>> {
    const file = (name: string): string => join(this.#directory, `${place}-${name}`)
    writeFileSync(`${file(this.#name)}.new`, word)
    renameSync(`${file(this.#name)}.new`, file(this.#name))
    const deadline = performance.now() + 60_000
    while (!this.#names.every((name) => existsSync(file(name)))) {
      if (performance.now() > deadline) throw new Error(`somebody never came to '${place}'`)
      await sleep(5)
    }
    return Object.fromEntries(this.#names.map((name) => [name, readFileSync(file(name), 'utf8')]))
  }
}

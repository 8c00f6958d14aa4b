import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from 'cassandra-driver'
import type { FilmWal } from './film-wal.ts'
import { indexes } from './indexes.ts'
import { readPage, type WrittenFilm } from './tables.ts'

const pageRows = 100

/** Between pages: the table has others to serve. */
const pauseMs = 100

/** A version's low 4 bits are a region's number. */
const withoutRegion = ~15n

/**
 * Fills the indexes from the table, while that is being changed. Every index row is written with the time at which Cassandra
 * wrote the film's row for its version. A change that comes meanwhile has a later one, so it wins, whichever comes first: a row that
 * this puts late is one that the change has removed, and stays removed.
 */
export class Backfill {
  readonly #wal: FilmWal
  readonly #client: Client
  readonly #file: string
  /** Films seen, also by processes before this one. */
  films = 0
  isDone = false
  #after: string | undefined
  #stopped = false

  /** @param file Where it notes how far it has come, to go on from there after a crash. */
  constructor(wal: FilmWal, client: Client, file: string) {
    this.#wal = wal
    this.#client = client
    this.#file = file
    if (existsSync(file))
      Object.assign(this, this.#progress(JSON.parse(readFileSync(file, 'utf8'))))
  }

  async run(): Promise<void> {
    while (!this.isDone && !this.#stopped) {
      const page = await readPage(this.#client, this.#after, pageRows)
      await this.#write(page)
      this.films += page.length
      this.#after = page.at(-1)?.token ?? this.#after
      this.isDone = page.length < pageRows
      this.#note()
      await sleep(pauseMs)
    }
  }

  stop(): void {
    this.#stopped = true
  }

  async #write(page: readonly WrittenFilm[]): Promise<void> {
    const records = page.flatMap(({ film, writtenAt }) =>
      indexes.flatMap((index) => {
        const payload = index.entryOf(film)
        const version = writtenAt & withoutRegion
        return payload === undefined ? [] : { key: film.id, target: index.name, payload, version }
      }),
    )
    const receipts = await this.#wal.namespace('films').writeMany(records)
    const failed = receipts.find(({ durable }) => durable !== 'yes')
    if (failed !== undefined) throw new Error(`The backfill was not stored: ${failed.message}`)
  }

  /** Only what the log has is noted: after a crash a page may be written twice, and none is left out. */
  #note(): void {
    const { films, isDone } = this
    writeFileSync(`${this.#file}.new`, JSON.stringify({ films, isDone, after: this.#after }))
    renameSync(`${this.#file}.new`, this.#file)
  }

  #progress({ films, isDone, after }: { films: number; isDone: boolean; after?: string }): object {
    this.#after = after
    return { films, isDone }
  }
}

import type { Duration } from '@daybook/core'
import type { Client } from 'cassandra-driver'
import type { Film } from './film.ts'
import type { FilmWal } from './film-wal.ts'
import { changeOf, indexes } from './indexes.ts'
import { readFilm } from './tables.ts'

/**
 * Changes films together with their rows in the indexes, each change in one transaction. All mutations of a film have its id
 * for their key, whatever table they are for: so they have one order, and versions that grow.
 */
export class IndexedFilms {
  readonly #wal: FilmWal
  readonly #client: Client
  /** The last change of each film that is under way. */
  readonly #turns = new Map<string, Promise<void>>()
  /** Films as they are once all is applied that this process has sealed. */
  readonly #sealed = new Map<string, Film | undefined>()

  constructor(wal: FilmWal, client: Client) {
    this.#wal = wal
    this.#client = client
  }

  /**
   * To be called before the first change: what a process before this one has sealed must be in the table, which is
   * then asked what a film was like. Rejects if it is not within `timeout`: the table would name index rows that are
   * none any more, and miss those that are to go.
   */
  async open(timeout: Duration = '1m'): Promise<void> {
    await this.#wal.start()
    await drainWholly(this.#wal, timeout)
  }

  put(film: Film): Promise<void> {
    return this.#inTurn(film.id, (before) => this.#change(film.id, before, film))
  }

  delete(id: string): Promise<void> {
    return this.#inTurn(id, (before) => this.#change(id, before, undefined))
  }

  async #change(key: string, before: Film | undefined, now: Film | undefined): Promise<void> {
    await this.#wal.namespace('films').transaction(async (tx) => {
      if (now === undefined) await tx.delete('films', { key, payload: { id: key } })
      else await tx.put('films', { key, payload: now })
      for (const index of indexes) {
        const { removed, put } = changeOf(index, before, now)
        if (removed !== undefined) await tx.delete(index.name, { key, payload: removed })
        if (put !== undefined) await tx.put(index.name, { key, payload: put })
      }
    })
    this.#sealed.set(key, now)
  }

  /** One change of a film after the other: each has to know which rows the one before it leaves. */
  async #inTurn(id: string, change: (before: Film | undefined) => Promise<void>): Promise<void> {
    const before = this.#turns.get(id) ?? Promise.resolve()
    const turn = before.then(async () => {
      const isKnown = this.#sealed.has(id)
      await change(isKnown ? this.#sealed.get(id) : await readFilm(this.#client, id))
    })
    // After a change that failed nobody knows what it leaves: this process must not go on.
    this.#turns.set(id, turn)
    await turn
  }
}

/** Resolves once every table has what the log held at the call, and rejects where one of them has not got it in time. */
export async function drainWholly(wal: FilmWal, timeout: Duration): Promise<void> {
  const { films } = await wal.drain({ timeout })
  const left = Object.entries(films).filter(([, { pending }]) => pending > 0)
  if (left.length === 0) return
  const counts = left.map(([table, { pending }]) => `${table}: ${pending}`).join(', ')
  throw new Error(`After ${timeout} the log still has changes to apply (${counts})`)
}

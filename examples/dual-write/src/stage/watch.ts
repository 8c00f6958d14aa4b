import type { FilmWal } from '../film-wal.ts'

/** The stores, by their names as targets. */
export type StoreName = 'cassandra' | 'search'

/** How much each store has before it, looked at again and again. */
export class Watch {
  /** Changes that wait for each store, one entry for each look. */
  readonly pending: Readonly<Record<StoreName, number[]>> = { cassandra: [], search: [] }
  readonly everyMs = 250
  readonly #wal: FilmWal
  readonly #timer: NodeJS.Timeout

  constructor(wal: FilmWal) {
    this.#wal = wal
    this.#timer = setInterval(() => void this.#look(), this.everyMs)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    const { targets } = (await this.#wal.status()).namespaces.films
    for (const name of ['cassandra', 'search'] as const) {
      this.pending[name].push(targets[name].pending ?? 0)
    }
  }
}

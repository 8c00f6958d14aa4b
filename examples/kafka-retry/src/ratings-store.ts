import { DatabaseSync } from 'node:sqlite'
import { applied, type Outcome, permanent, type Target, transient } from '@daybook/core'
import type { Rating } from './rating.ts'

const schema = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;
  CREATE TABLE IF NOT EXISTS films (
    key TEXT PRIMARY KEY, ratings INTEGER NOT NULL DEFAULT 0, stars INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS ratings (
    id TEXT PRIMARY KEY, film TEXT NOT NULL REFERENCES films, stars INTEGER NOT NULL
  ) STRICT;
`

/** Ratings, and what they add up to for each film. The films come from elsewhere, at times after their ratings. */
export class RatingsStore {
  readonly #store: DatabaseSync

  constructor(file: string) {
    this.#store = new DatabaseSync(file)
    this.#store.exec(schema)
  }

  /** Films that have come from elsewhere. */
  addFilms(keys: readonly string[]): void {
    const add = this.#store.prepare('INSERT OR IGNORE INTO films (key) VALUES (?)')
    this.#inTransaction(() => {
      for (const key of keys) add.run(key)
    })
  }

  /** Takes a rating, once only by its id. Throws if there is no such film, or the rating is none. */
  take({ id, film, stars }: Rating): void {
    this.#inTransaction(() => {
      const insert = this.#store.prepare(
        'INSERT INTO ratings VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING',
      )
      if (insert.run(id, film, stars).changes === 0) return
      this.#store
        .prepare('UPDATE films SET ratings = ratings + 1, stars = stars + ? WHERE key = ?')
        .run(stars, film)
    })
  }

  /** The target that takes ratings which could not be taken before. */
  target(): Target<Rating> {
    return {
      idempotency: 'id',
      ops: ['put'],
      apply: async (records) =>
        records.map(({ op, payload }) => (op === 'put' ? this.#tryToTake(payload) : applied)),
    }
  }

  close(): void {
    this.#store.close()
  }

  #tryToTake(rating: Rating): Outcome {
    try {
      this.take(rating)
      return applied
    } catch (error) {
      return meaningOf(error)
    }
  }

  #inTransaction(work: () => void): void {
    this.#store.exec('BEGIN IMMEDIATE')
    try {
      work()
      this.#store.exec('COMMIT')
    } catch (error) {
      if (this.#store.isTransaction) this.#store.exec('ROLLBACK')
      throw error
    }
  }
}

// Extended result codes. Source: https://www.sqlite.org/rescode.html
const [foreignKey, notNull] = [787, 1299]

/** A film that is not there may come; a rating without stars will never be one. */
function meaningOf(error: unknown): Outcome {
  const { errcode, message } = error as Error & { readonly errcode?: number }
  if (errcode === foreignKey) return transient('NO_SUCH_FILM', message)
  if (errcode === notNull) return permanent('NO_STARS', message)
  throw error
}

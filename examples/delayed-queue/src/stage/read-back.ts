import { DatabaseSync } from 'node:sqlite'
import type { Arrival, StoreReading } from './check.ts'

/** Reads the store back, from its segments rather than from what its rows say of themselves. */
export function readStore(file: string): StoreReading {
  using store = new DatabaseSync(file, { readOnly: true })
  const segments = store.prepare('SELECT stream, count(*) AS count FROM segments GROUP BY stream')
  return {
    segments: new Map(
      segments.all().map(({ stream, count }) => [String(stream), Number(count)] as const),
    ),
    arrivals: arrivalsIn(store),
  }
}

function arrivalsIn(store: DatabaseSync): readonly Arrival[] {
  const statement = store.prepare('SELECT key, version, op, at, due FROM arrivals ORDER BY seq')
  // Versions are 64-bit integers; as a JavaScript number the large ones would lose digits.
  statement.setReadBigInts(true)
  return statement.all().map(({ key, version, op, at, due }) => ({
    key: String(key),
    version: version as bigint,
    op: String(op),
    at: Number(at),
    due: due === null ? undefined : Number(due),
  }))
}

import { DatabaseSync } from 'node:sqlite'
import type { Arrival, Change, TableReading } from './check.ts'

/** Reads a table back, with all that came to it. */
export function readTable(file: string): TableReading {
  using table = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  const rows = all(table, 'SELECT key, version, number FROM parcels')
  return {
    rows: rows.map((row) => ({ ...changeOf(row), number: Number(row['number']) })),
    arrivals: arrivalsOf(table),
    changes: all(table, 'SELECT key, version FROM changes ORDER BY seq').map(changeOf),
  }
}

/** What has come so far; also while others write. */
export function readArrivals(file: string): readonly Arrival[] {
  using table = new DatabaseSync(file, { readOnly: true, timeout: 10_000 })
  return arrivalsOf(table)
}

function arrivalsOf(table: DatabaseSync): readonly Arrival[] {
  return all(table, 'SELECT key, version, via FROM arrivals ORDER BY seq').map((row) => ({
    ...changeOf(row),
    via: String(row['via']),
  }))
}

type Row = Readonly<Record<string, unknown>>

function all(table: DatabaseSync, query: string): readonly Row[] {
  const statement = table.prepare(query)
  // Versions are 64-bit integers; as a JavaScript number the large ones would lose digits.
  statement.setReadBigInts(true)
  return statement.all()
}

function changeOf(row: Row): Change {
  return { key: String(row['key']), version: row['version'] as bigint }
}

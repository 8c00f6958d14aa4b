import { isDeepStrictEqual } from 'node:util'
import { type Order, type Row, rowsOf } from '../order.ts'

/** The stores, as they were read back: rows by their keys. */
export interface Reading {
  readonly database: ReadonlyMap<string, Row>
  readonly index: ReadonlyMap<string, Row>
}

/** Each finding is a sentence; the books are right if there is none. */
export interface Findings {
  /** Rows of orders that were placed, and are not there. */
  readonly missing: readonly string[]
  /** Rows that no placed order has: of one that was dropped, or of none. */
  readonly uncalledFor: readonly string[]
  /** Rows that say something else than the order. */
  readonly different: readonly string[]
}

/** Holds every row of both stores against what the orders ask for, and the other way round. */
export function checkBooks(reading: Reading, orders: readonly Order[]): Findings {
  const missing: string[] = []
  const different: string[] = []
  const unexplained = { database: new Map(reading.database), index: new Map(reading.index) }
  for (const order of orders.filter(({ isDropped }) => !isDropped)) {
    for (const { store, key, row } of rowsOf(order)) {
      const held = reading[store].get(key)
      unexplained[store].delete(key)
      if (held === undefined) missing.push(`the ${store} lacks '${key}'`)
      else if (!isDeepStrictEqual(held, row)) {
        different.push(`'${key}' is ${JSON.stringify(held)}, not ${JSON.stringify(row)}`)
      }
    }
  }
  const uncalledFor = Object.entries(unexplained).flatMap(([store, rows]) =>
    [...rows.keys()].map((key) => `the ${store} has '${key}', which nobody ordered`),
  )
  return { missing, uncalledFor, different }
}

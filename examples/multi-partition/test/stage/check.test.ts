import { expect, test } from 'vitest'
import { type Order, type Row, rowsOf } from '../../src/order.ts'
import { checkBooks, type Reading } from '../../src/stage/check.ts'
import { ordersOf } from '../../src/stage/orders.ts'

const orders = ordersOf(10)
const dropped = orders.find(({ isDropped }) => isDropped) as Order
const nothing = { missing: [], uncalledFor: [], different: [] }

/** The stores with the rows of these orders. */
function holding(some: readonly Order[]): Reading & { database: Map<string, Row> } {
  const rows = some.flatMap(rowsOf)
  const rowsIn = (name: string) =>
    new Map(rows.filter(({ store }) => store === name).map(({ key, row }) => [key, row]))
  return { database: rowsIn('database'), index: rowsIn('index') }
}

const right = () => holding(orders.filter(({ isDropped }) => !isDropped))

test('books with every row of the orders that were placed, and no other, are right', () => {
  expect(dropped.number).toBe(7)
  expect(checkBooks(right(), orders)).toEqual(nothing)
})

test('books in which nothing happened lack every row', () => {
  expect(checkBooks(holding([]), orders).missing).toHaveLength(27)
})

test('an order without its stock, or its entry in the index, is half missing', () => {
  const { database, index } = right()
  database.delete('stock article3 3')
  const others = new Map([...index].filter(([key]) => key !== 'ada 4'))
  expect(checkBooks({ database, index: others }, orders)).toEqual({
    ...nothing,
    missing: ["the database lacks 'stock article3 3'", "the index lacks 'ada 4'"],
  })
})

test('stock that a dropped order has taken is uncalled for', () => {
  const reading = right()
  reading.database.set('stock article7 7', { article: 'article7', taken: 1 })
  expect(checkBooks(reading, orders)).toEqual({
    ...nothing,
    uncalledFor: ["the database has 'stock article7 7', which nobody ordered"],
  })
})

test('a row of an order with another content is different', () => {
  const reading = right()
  reading.database.set('stock article3 3', { article: 'article3', taken: 2 })
  expect(checkBooks(reading, orders)).toEqual({
    ...nothing,
    different: [
      `'stock article3 3' is {"article":"article3","taken":2}, not {"article":"article3","taken":1}`,
    ],
  })
})

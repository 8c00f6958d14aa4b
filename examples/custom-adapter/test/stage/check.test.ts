import { expect, test } from 'vitest'
import type { Order } from '../../src/order.ts'
import { checkShop } from '../../src/stage/check.ts'

const order = (total: number, change: number): Order => ({ total, by: 'one', change })
const saved = new Map([
  ['one-0', order(5, 2)],
  ['one-1', order(6, 2)],
])
const nothing = { lost: [], outdated: [], uncalledFor: [] }

test('a shop with every order as it was last written is right', () => {
  expect(checkShop(new Map(saved), saved)).toEqual(nothing)
})

test('an order that was saved and is not at the shop is lost', () => {
  const held = new Map([['one-0', order(5, 2)]])
  expect(checkShop(held, saved)).toEqual({ ...nothing, lost: ['one-1 is not at the shop'] })
})

test('an order as an earlier change left it is outdated', () => {
  const held = new Map([...saved, ['one-1', order(6, 1)]])
  expect(checkShop(held as ReadonlyMap<string, Order>, saved)).toEqual({
    ...nothing,
    outdated: [
      'one-1 is {"total":6,"by":"one","change":1}, and was last written as {"total":6,"by":"one","change":2}',
    ],
  })
})

test('an order at the shop that nobody saved is uncalled for', () => {
  const held = new Map([...saved, ['two-0', order(1, 0)]])
  expect(checkShop(held as ReadonlyMap<string, Order>, saved)).toEqual({
    ...nothing,
    uncalledFor: ['two-0 is at the shop, and nobody saved it'],
  })
})

import { randomUUID } from 'node:crypto'
import type { Order } from '../order.ts'

const customers = ['ada', 'ben', 'cleo', 'dan'] as const
const articles = 10

/** What is ordered, made up. Every tenth order is dropped while it is being placed. */
export function ordersOf(count: number): readonly Order[] {
  return Array.from({ length: count }, (_, number) => ({
    id: randomUUID(),
    number,
    customer: customers[number % customers.length] ?? 'ada',
    article: `article${number % articles}`,
    isDropped: number % 10 === 7,
  }))
}

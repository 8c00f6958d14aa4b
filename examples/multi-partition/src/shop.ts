import { join } from 'node:path'
import { createWal, multiPartitionMutation, type } from '@daybook/core'
import { FileStore, type Row } from './stores.ts'

/** Opens the shop in a directory; the index is broken for a customer, where one is named. */
export async function openShop(directory: string, brokenFor?: string) {
  const database = new FileStore(join(directory, 'database'))
  const index = new FileStore(join(directory, 'index'))
  const wal = await createWal({
    directory: join(directory, 'wal'),
    namespaces: {
      shop: multiPartitionMutation({
        payload: type<Row>(),
        targets: {
          database: database.target(),
          index: index.target(({ customer }) => customer === brokenFor),
        },
      }),
    },
  })
  const shop = wal.namespace('shop')

  /** One transaction: the order, its entry in the index, and its stock. */
  const place = (order: string, customer: string, article: string, dropped: boolean) =>
    shop.transaction(async (tx) => {
      await tx.put('database', { key: `order ${order}`, payload: { customer, article } })
      await tx.put('index', { key: `${customer} ${order}`, payload: { customer, order } })
      await tx.put('database', { key: `stock ${article} ${order}`, payload: { article, taken: 1 } })
      if (dropped) throw new SecondThoughts()
    })
  return { wal, shop, place, database, index }
}

/** Somebody does not want the order any more. */
export class SecondThoughts extends Error {}

/** What is wrong with the books, given the orders that were sealed and those that were dropped. */
export function auditBooks(
  { database, index }: Pick<Awaited<ReturnType<typeof openShop>>, 'database' | 'index'>,
  sealed: ReadonlySet<string>,
  dropped: ReadonlySet<string>,
): readonly string[] {
  const wrong: string[] = []
  const rows = database.rows
  const entries = new Map([...index.rows.values()].map(({ order, customer }) => [order, customer]))
  const orders = [...rows.keys()].filter((key) => key.startsWith('order '))
  for (const key of orders) {
    const order = key.slice('order '.length)
    const { customer, article } = rows.get(key) ?? {}
    if (entries.get(order) !== customer) wrong.push(`order ${order} is not in the index`)
    if (!rows.has(`stock ${article} ${order}`)) wrong.push(`order ${order} took no stock`)
    if (dropped.has(order)) wrong.push(`order ${order} was dropped, and is there`)
  }
  for (const order of sealed) if (!rows.has(`order ${order}`)) wrong.push(`order ${order} is lost`)
  if (entries.size !== orders.length)
    wrong.push(`${entries.size} entries for ${orders.length} orders`)
  return wrong
}

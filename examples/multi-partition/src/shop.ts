import { join } from 'node:path'
import { createWal, multiPartitionMutation, type } from '@daybook/core'
import { FileStore } from './file-store.ts'
import { type Order, type Row, rowsOf } from './order.ts'

/** Where the shop's stores lie below its directory. */
export const storeFiles = { database: 'database.jsonl', index: 'index.jsonl' } as const

/**
 * Opens the shop in a directory.
 *
 * @param brokenFor The customer for whom the index is broken, where there is one.
 */
export async function openShop(directory: string, brokenFor?: string) {
  const database = new FileStore(join(directory, storeFiles.database))
  const index = new FileStore(join(directory, storeFiles.index))
  const wal = await createWal({
    directory: join(directory, 'log'),
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

  /** One transaction: the order, its entry in the index, and its stock. Resolves with whether it was placed. */
  const place = async (order: Order): Promise<boolean> => {
    try {
      await shop.transaction(
        async (tx) => {
          for (const { store, key, row } of rowsOf(order))
            await tx.put(store, { key, payload: row })
          if (order.isDropped) throw new SecondThoughts()
        },
        { id: order.id },
      )
      return true
    } catch (error) {
      if (error instanceof SecondThoughts) return false
      throw error
    }
  }
  return { wal, shop, place }
}

/** Somebody does not want the order any more: nothing of it is ever applied. */
class SecondThoughts extends Error {}

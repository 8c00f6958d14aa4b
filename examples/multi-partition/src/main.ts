/**
 * Orders as transactions over two stores. The shop is killed in the middle, and its index breaks for a customer. Ends with
 * exit code 0 only if both stores hold exactly the rows of the orders that were placed.
 *
 *     node --conditions=source src/main.ts
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { figure, isGood, Story, verdictText } from '@daybook/example-stage'
import { FileStore } from './file-store.ts'
import type { Order } from './order.ts'
import { storeFiles } from './shop.ts'
import { checkBooks, type Reading } from './stage/check.ts'
import { ordersOf } from './stage/orders.ts'
import { perform, type Seen } from './stage/perform.ts'

const introduction = `
${styleText('bold', 'Daybook: an order, its index and its stock, all or nothing')}

  An order changes two stores in three places. Each is one transaction; some are dropped
  while they are being placed, the shop is killed, and its index breaks for a customer.
`

// Takes along whatever it has started.
process.exit(await main())

async function main(): Promise<number> {
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => process.exit(code))
  }
  const directory = mkdtempSync(join(tmpdir(), 'daybook-multi-partition-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }))
  console.log(introduction)
  const orders = ordersOf(200)
  try {
    const seen = await perform(directory, orders, new Story())
    return verdict(readBooks(directory), orders, seen)
  } catch (error) {
    console.error(`\n  ${styleText('red', 'It broke off:')} ${(error as Error).message}\n`)
    return 1
  }
}

/** Reads both stores from their files, as no shop runs any more. */
function readBooks(directory: string): Reading {
  const rowsIn = (file: string) => new FileStore(join(directory, file)).rows
  return { database: rowsIn(storeFiles.database), index: rowsIn(storeFiles.index) }
}

function verdict(reading: Reading, orders: readonly Order[], { parked, missing }: Seen): number {
  const found = checkBooks(reading, orders)
  const placed = orders.filter(({ isDropped }) => !isDropped).length
  console.log(`
  ${figure(placed)} orders placed, ${figure(orders.length - placed)} dropped; ${figure(reading.database.size)} rows in the database, ${figure(reading.index.size)} in the index.
`)
  const result = {
    zeros: {
      'rows missing': found.missing,
      'uncalled for': found.uncalledFor,
      different: found.different,
      'still parked': parked,
    },
    missing,
  }
  console.log(`${verdictText(result)}\n`)
  return isGood(result) ? 0 : 1
}

/**
 * A service that used to have an outbox table and a cron job: orders are written, and changed, into a queue on
 * PostgreSQL by two logs, and both deliver them, while the server is killed. Ends with
 * exit code 0 only if every order that was called saved is at the shop, as it was last written. The two logs are in one
 * process here, with consumers and leases of their own; the table does not know whether they are.
 *
 *     node --conditions=source src/main.ts
 */
import { createWal, fanOut, type } from '@daybook/core'
import { isGood, verdictText } from '@daybook/example-stage'
import { removeWhatComes, service } from '@daybook/services'
import pg from 'pg'
import type { Order } from './order.ts'
import { postgresQueue } from './postgres-queue.ts'
import { createDocuments, postgresTarget } from './postgres-target.ts'
import { checkShop } from './stage/check.ts'

/** Orders that each log takes, and how often it writes each: at first, and as it changes. */
const [ordersOfEach, writesOfEach] = [100, 3]

const remove = removeWhatComes(['postgresql'])
try {
  process.exitCode = await main()
} finally {
  await remove()
}

async function main(): Promise<number> {
  const server = await service('postgresql', { report: console.log })
  await server.reset()
  const pool = new pg.Pool({
    host: server.host,
    port: server.port,
    user: 'postgres',
    database: 'postgres',
  })
  pool.on('error', () => {}) // idle connections of a server that is killed
  try {
    await createDocuments({ pool, table: 'shop' })
    const saved = new Map<string, Order>()
    const services = await Promise.all(['one', 'two'].map(() => openService(pool)))
    const writing = Promise.all(
      services.map((wal, at) => writeOrders(wal, at === 0 ? 'one' : 'two', saved)),
    )
    while (saved.size < ordersOfEach / 2) await new Promise((resolve) => setTimeout(resolve, 10))
    await server.kill()
    console.log(`PostgreSQL is killed with ${saved.size} orders saved`)
    await server.start()
    await writing
    for (const wal of services) await wal.drain({ timeout: '60s' })
    for (const wal of services) await wal.close()
    return await verdict(pool, saved)
  } finally {
    await pool.end()
  }
}

/** All that it takes: a queue and a target of one's own, put together. */
async function openService(pool: pg.Pool) {
  const wal = await createWal({
    namespaces: {
      orders: fanOut({
        payload: type<Order>(),
        order: 'none', // the version decides at the table
        queue: postgresQueue({ pool, table: 'orders_log', leaseMs: 3_000, pollMs: 50 }),
        targets: { shop: postgresTarget<Order>({ pool, table: 'shop' }) },
        breaker: { minOpen: '100ms', maxOpen: '1s' },
        deadLetters: 'off',
      }),
    },
  })
  wal.on('error', () => {}) // there are many while the server is away
  await wal.start()
  return wal
}

/**
 * Writes each order again and again, as it changes, so that several changes of one may be on their way at once. Each is
 * written until it is known to be saved: what is unknown is written again as the same.
 */
async function writeOrders(
  wal: Awaited<ReturnType<typeof openService>>,
  by: string,
  saved: Map<string, Order>,
): Promise<void> {
  for (let number = 0; number < ordersOfEach; number++) {
    for (let change = 0; change < writesOfEach; change++) {
      const payload = { total: number * (change + 1), by, change }
      const order = { key: `${by}-${number}`, payload, timeout: '2s' } as const
      let receipt = await wal.tryWrite('orders', order)
      while (receipt.durable !== 'yes') {
        await new Promise((resolve) => setTimeout(resolve, 100))
        const { id, version } = receipt
        receipt = await wal.tryWrite('orders', { ...order, id, version })
      }
      saved.set(order.key, payload)
    }
  }
}

/** Reads the shop back, and says what is wrong. */
async function verdict(pool: pg.Pool, saved: ReadonlyMap<string, Order>): Promise<number> {
  const { rows } = await pool.query<{ key: string; document: Order }>(
    'SELECT key, document FROM shop',
  )
  const held = new Map(rows.map(({ key, document }) => [key, document]))
  const { lost, outdated, uncalledFor } = checkShop(held, saved)
  const isAll = saved.size === 2 * ordersOfEach
  const result = {
    zeros: { lost, outdated, 'uncalled for': uncalledFor },
    missing: isAll ? [] : ['every order was saved'],
  }
  console.log(
    `\n  ${saved.size} orders, each written ${writesOfEach} times; ${held.size} at the shop:\n`,
  )
  console.log(`${verdictText(result)}\n`)
  return isGood(result) ? 0 : 1
}

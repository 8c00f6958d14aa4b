/** The shop as a service: it does what it is asked over the channel to the process that started it. */
import { act } from '@daybook/example-stage'
import type { Order } from './order.ts'
import { openShop } from './shop.ts'

const [directory = '', brokenFor] = process.argv.slice(2)
const { wal, shop, place } = await openShop(directory, brokenFor)
wal.on('error', ({ error }) => console.error(`The shop reports: ${error.message}`))
/** What a process before this one has left to do. */
const left = await pending()
await wal.start()

async function pending(): Promise<number> {
  const { targets } = (await wal.status()).namespaces.shop
  return Object.values(targets).reduce((sum, one) => sum + (one.pending ?? 0), 0)
}

/** What the service can be asked for. */
export const calls = {
  /** Resolves once it is certain to be placed, all of it; with false for one that was dropped. */
  place: (order: Order) => place(order),
  async status() {
    return { left, pending: await pending() }
  },
  /** Rejects if something waits still after a while. */
  async settle() {
    const { shop: targets } = await wal.drain({ timeout: '1m' })
    const waiting = Object.values(targets).reduce((sum, one) => sum + one.pending, 0)
    if (waiting > 0) throw new Error(`${waiting} transactions are not applied after a minute`)
  },
  /** The reasons of those that are parked. */
  async parked() {
    const { letters } = await shop.deadLetters.list({ limit: 1_000 })
    return letters.map(({ message }) => message)
  },
  /** Has what is parked go on from where it stands; resolves with how many that are. */
  async redrive() {
    return (await shop.deadLetters.redrive('all')).redriven.length
  },
}
export type ShopCalls = typeof calls

act(calls, async () => {
  await wal.close()
  process.exit(0)
})

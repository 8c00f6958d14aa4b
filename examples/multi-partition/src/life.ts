// One life of the shop: customers order until all orders are placed, or until it is killed.

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { openShop, SecondThoughts } from './shop.ts'

const [directory = '', from = '0', to = '0', brokenFor] = process.argv.slice(2)
const customers = ['ada', 'ben', 'cleo', 'dan'] as const

const { wal, place } = await openShop(directory, brokenFor)
const note = (file: string, order: string): void =>
  appendFileSync(join(directory, file), `${order}\n`)
await wal.start()

let next = Number(from)
const customer = async (name: string): Promise<void> => {
  while (next < Number(to)) {
    const number = next++
    const order = `${number}`
    const isDropped = number % 10 === 7
    if (isDropped) note('dropped', order)
    try {
      await place(order, name, `article${number % 10}`, isDropped)
      note('sealed', order)
    } catch (error) {
      if (!(error instanceof SecondThoughts)) throw error
    }
    if (number === Number(from) + 40) process.stdout.write('busy\n')
  }
}
await Promise.all(customers.map(customer))
await wal.drain()
await wal.close()
process.stdout.write('done\n')

// A process whose members leave a group in bad moments, and that has nothing to do after that:
//
//   leaver-child.ts <broker> <topic> <delay>   The first leaves so many ms after it heard that the group is
//                                              made anew, for a second one joins. Then the second leaves.
//   leaver-child.ts <broker> <topic> told      One reads, says so, and leaves when told to.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaGroup } from '../../src/kafka-client.ts'
import { clientFor } from './clients.ts'

const [broker = '', topic = '', when = ''] = process.argv.slice(2)
const client = clientFor('@platformatic/kafka', broker)

function join(rebalancing: () => void = () => {}): Promise<KafkaGroup> {
  const options = { group: topic, topics: [topic], sessionTimeoutMs: 6_000 }
  const listener = { assigned: () => {}, rebalancing, entries: () => {}, failed: () => {} }
  return client.group(options, listener)
}

async function leaveWhenTold(): Promise<void> {
  const member = await join()
  member.read({ topic, partition: 0 }, 0)
  process.send?.('reads')
  await once(process, 'message')
  await member.close()
  process.disconnect()
}

async function leaveWhileAnotherJoins(delayMs: number): Promise<void> {
  const heard = Promise.withResolvers<void>()
  const first = await join(heard.resolve)
  const second = join()
  await heard.promise
  await sleep(delayMs)
  await first.close()
  await (await second).close()
}

await (when === 'told' ? leaveWhenTold() : leaveWhileAnotherJoins(Number(when)))

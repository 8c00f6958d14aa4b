// A process whose members leave a group, and that has nothing to do after that: `leaver-child.ts <broker>
// <topic> <delay>`. So many ms after the first heard that the group is made anew, for a second one joins,
// it leaves, and then the second.

import { setTimeout as sleep } from 'node:timers/promises'
import type { KafkaGroup } from '../../src/kafka-client.ts'
import { clientFor } from './clients.ts'

const [broker = '', topic = '', delayMs = ''] = process.argv.slice(2)
const client = clientFor('@platformatic/kafka', broker)

function join(rebalancing: () => void = () => {}): Promise<KafkaGroup> {
  const options = { group: topic, topics: [topic], sessionTimeoutMs: 6_000 }
  const listener = { assigned: () => {}, rebalancing, entries: () => {}, failed: () => {} }
  return client.group(options, listener)
}

const heard = Promise.withResolvers<void>()
const first = await join(heard.resolve)
const second = join()
await heard.promise
await sleep(Number(delayMs))
await first.close()
await (await second).close()

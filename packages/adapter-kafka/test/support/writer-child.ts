// A process that writes and consumes: `writer-child.ts <client> <broker> <topic>`. Tells its parent once a record is stored,
// writes another when told to, closes its wal whatever came of that, and has then nothing more to do.

import { createWal, fanOut, type } from '@daybook/core'
import { Kafka, logLevel } from 'kafkajs'
import { kafkajs, kafkaQueue } from '../../src/index.ts'
import { clientFor } from './clients.ts'

/** What the child says: what became of each of its writes, and that its wal is closed. */
export type WriterMessage = { readonly durable: string } | { readonly event: 'closed' }

const [name, broker = '', topic = ''] = process.argv.slice(2)
const tell = (message: WriterMessage): void => void process.send?.(message)

// kafkajs waits for what is under way, and tries a last time to connect, as long as it is told to.
const limits = { requestTimeout: 1_000, retry: { initialRetryTime: 50, retries: 1 } }
const client =
  name === 'kafkajs'
    ? kafkajs(new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, ...limits }))
    : clientFor('@platformatic/kafka', broker)

const wal = await createWal({
  namespaces: {
    films: fanOut({
      payload: type<number>(),
      queue: kafkaQueue({
        ...{ client, topic },
        ...{ allowUnderReplicated: true, sendTimeoutMs: 1_000 },
      }),
      targets: { store: { idempotency: 'id', async apply() {} } },
    }),
  },
})
wal.on('error', () => {})
const write = async (payload: number): Promise<string> => {
  return (await wal.tryWrite('films', { key: 'a', payload })).durable
}
await wal.start()
// A broker that has just started may take longer than a send may.
while ((await write(1)) !== 'yes') {}
tell({ durable: 'yes' })
process.once('message', async () => {
  tell({ durable: await write(2) })
  await wal.close({ timeout: '1s' }).catch(() => {})
  tell({ event: 'closed' })
  process.disconnect()
})

// A process that consumes: `consumer-child.ts <client> <broker> <topic>`. Tells its parent of each
// record that goes into its target and comes out of it; leaves in good order when told to.

import { createWal, fanOut, type, type WalRecord } from '@daybook/core'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor } from './clients.ts'

/** What the child says. */
export type ChildMessage =
  | { readonly event: 'started' | 'closed' }
  | { readonly event: 'applied'; readonly records: readonly (readonly [string, string])[] }

const [name, broker = '', topic = ''] = process.argv.slice(2)

const tell = (message: ChildMessage): void => void process.send?.(message)

const wal = await createWal({
  namespaces: {
    films: fanOut({
      payload: type<{ n: number }>(),
      queue: kafkaQueue({
        client: clientFor(name as ClientName, broker),
        topic,
        allowUnderReplicated: true,
        sessionTimeoutMs: 6_000,
      }),
      targets: {
        store: {
          idempotency: 'id',
          async apply(records: readonly WalRecord<{ n: number }>[]) {
            await new Promise((resolve) => setTimeout(resolve, 2))
            tell({ event: 'applied', records: records.map(({ id, key = '' }) => [id, key]) })
          },
        },
      },
    }),
  },
})
wal.on('error', () => {})
await wal.start()
tell({ event: 'started' })
process.on('message', () => {
  void wal.close().then(() => {
    tell({ event: 'closed' })
    process.disconnect()
  })
})

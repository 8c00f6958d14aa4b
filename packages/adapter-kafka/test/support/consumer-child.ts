// A process that consumes: `consumer-child.ts <client> <broker> <topic> [dies]`. Tells its parent of each
// record that its target applied, of when, and of the partitions that it is given; leaves in good
// order when told to. With `dies` it kills itself between sending a delayed record on and committing that.

import { createWal, fanOut, type, type WalRecord } from '@daybook/core'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor } from './clients.ts'

/** Its version is told as text. */
export type AppliedRecord = readonly [id: string, key: string, version: string, n: number]

/** What the child says. Times are in ms, by a clock that all processes of the machine share. */
export type ChildMessage =
  | { readonly event: 'started' | 'closed' }
  | { readonly event: 'assigned'; readonly partitions: readonly number[]; readonly at: number }
  | {
      readonly event: 'applied'
      readonly records: readonly AppliedRecord[]
      readonly begin: number
      readonly end: number
    }

const [name, broker = '', topic = '', mode] = process.argv.slice(2)

const tell = (message: ChildMessage): void => void process.send?.(message)
const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6

function watched(client: KafkaClient): KafkaClient {
  let hasSentOn = false
  return {
    ...client,
    async sender() {
      const sender = await client.sender()
      return {
        async send(place, ...given) {
          await sender.send(place, ...given)
          hasSentOn ||= place.topic === topic
        },
        close: () => sender.close(),
      }
    },
    async group(options, listener) {
      const isDelays = options.group.endsWith('.delays')
      const group = await client.group(options, {
        assigned(places) {
          const partitions = places.map(({ partition }) => partition)
          if (!isDelays) tell({ event: 'assigned', partitions, at: nowMs() })
          listener.assigned(places)
        },
        rebalancing: () => listener.rebalancing(),
        entries: (...given) => listener.entries(...given),
        failed: (error) => listener.failed(error),
      })
      return {
        read: (...given) => group.read(...given),
        pause: (place) => group.pause(place),
        async commit(commits) {
          if (mode === 'dies' && isDelays && hasSentOn) process.kill(process.pid, 'SIGKILL')
          await group.commit(commits)
        },
        close: () => group.close(),
      }
    },
  }
}

const wal = await createWal({
  namespaces: {
    films: fanOut({
      payload: type<{ n: number }>(),
      queue: kafkaQueue({
        client: watched(clientFor(name as ClientName, broker)),
        topic,
        allowUnderReplicated: true,
        sessionTimeoutMs: 6_000,
      }),
      targets: {
        store: {
          idempotency: 'id',
          async apply(records: readonly WalRecord<{ n: number }>[]) {
            const begin = nowMs()
            await new Promise((resolve) => setTimeout(resolve, 2))
            const applied = records.map(
              ({ id, key = '', version, payload }) =>
                [id, key, String(version), payload?.n ?? -1] as const,
            )
            tell({ event: 'applied', records: applied, begin, end: nowMs() })
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

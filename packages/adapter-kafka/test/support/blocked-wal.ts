import {
  createWal,
  fanOut,
  applied as ok,
  permanent,
  type Target,
  type,
  type WalRecord,
} from '@daybook/core'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'

/** What a wal over a topic whose dead letters block their keys has applied. */
export interface BlockedWalOptions {
  readonly client: KafkaClient
  readonly topic: string
  /** True once the first record of the key `bad` can be applied. */
  isMended(): boolean
  /** Default `'block'`. */
  readonly onDeadLetter?: 'block' | 'continue'
  applied(records: readonly (readonly [key: string, n: number])[]): void
}

export interface Numbered {
  readonly n: number
}

/** A wal of one partition, whose store refuses number 0 of the key `bad` until it is mended. */
export async function blockedWal(options: BlockedWalOptions) {
  const { client, topic, isMended, applied, onDeadLetter = 'block' } = options
  const underWay = new Set<string>()
  const store: Target<Numbered> = {
    idempotency: 'id',
    appliesInOrder: 'key',
    async apply(records: readonly WalRecord<Numbered>[]) {
      const keys = new Set(records.map(({ key = '' }) => key))
      for (const key of keys) {
        if (underWay.has(key)) throw new Error(`Two applies of ${key} at once.`)
        underWay.add(key)
      }
      await new Promise((resolve) => setTimeout(resolve, 1))
      for (const key of keys) underWay.delete(key)
      const fails = ({ key, payload }: WalRecord<Numbered>): boolean =>
        key === 'bad' && payload?.n === 0 && !isMended()
      const isBroken = records.some(fails)
      const done = records.filter(({ key }) => !isBroken || key !== 'bad')
      applied(done.map(({ key = '', payload }) => [key, payload?.n ?? -1] as const))
      return records.map((record) => (fails(record) ? permanent('bad_number', 'Not yet.') : ok))
    },
  }
  return createWal({
    namespaces: {
      numbers: fanOut({
        payload: type<Numbered>(),
        queue: kafkaQueue({
          ...{ client, topic, partitions: 1 },
          ...{ allowUnderReplicated: true, sessionTimeoutMs: 6_000 },
        }),
        targets: { store },
        onDeadLetter,
      }),
    },
  })
}

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
  /** Default 1. */
  readonly partitions?: number
  /** True once the first records of keys that begin with `bad` can be applied. */
  isMended(): boolean
  /** Default `'block'`. */
  readonly onDeadLetter?: 'block' | 'continue'
  applied(records: readonly (readonly [key: string, n: number])[]): void
}

export interface Numbered {
  readonly n: number
}

/** A wal whose store refuses number 0 of each key that begins with `bad`, until it is mended. */
export async function blockedWal(options: BlockedWalOptions) {
  const { client, topic, partitions = 1, isMended, applied, onDeadLetter = 'block' } = options
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
      const mended = isMended()
      const fails = ({ key, payload }: WalRecord<Numbered>): boolean =>
        key?.startsWith('bad') === true && payload?.n === 0 && !mended
      const broken = new Set(records.filter(fails).map(({ key }) => key))
      const done = records.filter(({ key }) => !broken.has(key))
      applied(done.map(({ key = '', payload }) => [key, payload?.n ?? -1] as const))
      return records.map((record) => (fails(record) ? permanent('bad_number', 'Not yet.') : ok))
    },
  }
  return createWal({
    namespaces: {
      numbers: fanOut({
        payload: type<Numbered>(),
        queue: kafkaQueue({
          ...{ client, topic, partitions },
          ...{ allowUnderReplicated: true, sessionTimeoutMs: 6_000 },
        }),
        targets: { store },
        onDeadLetter,
      }),
    },
  })
}

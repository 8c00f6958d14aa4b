import {
  applied,
  createWal,
  memoryQueue,
  queueTarget,
  superseded,
  type Target,
  type,
  type WalRecord,
} from '@daybook/core'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor } from './clients.ts'

export interface Film {
  readonly title?: string
  readonly year?: number
}

/** A topic, and the client through which it is used. */
export interface TopicPlace {
  readonly name: ClientName
  readonly broker: string
  readonly topic: string
}

/** The topic as a queue. */
export function topicQueue({ name, broker, topic }: TopicPlace) {
  return kafkaQueue({
    ...{ client: clientFor(name, broker), topic, partitions: 2 },
    ...{ allowUnderReplicated: true, sendTimeoutMs: 5_000, sessionTimeoutMs: 6_000 },
  })
}

/** A wal that reads the topic into a store which compares versions. */
export async function archiveOn(place: TopicPlace) {
  const newest = new Map<string, WalRecord<Film>>()
  const rows = new Map<string, Film | undefined>()
  const came = new Map<string, WalRecord<Film>>()
  const shelf: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      return records.map((record) => {
        const { id, key = '', op, payload, version } = record
        came.set(id, record)
        if ((newest.get(key)?.version ?? 0n) >= version) return superseded
        newest.set(key, record)
        const before = op === 'patch' ? rows.get(key) : undefined
        rows.set(key, op === 'delete' ? undefined : { ...before, ...payload })
        return applied
      })
    },
  }
  const wal = await createWal({
    namespaces: {
      films: { payload: type<Film>(), queue: topicQueue(place), targets: { shelf } },
    },
  })
  wal.on('error', () => {}) // there are some while the broker is away
  await wal.start()
  return { wal, rows, came }
}

/** A wal that forwards to a topic, and the wal that reads it. */
export async function forwardingPair(place: TopicPlace) {
  const archive = await archiveOn(place)
  const target = queueTarget({ queue: topicQueue(place), namespace: 'films' })
  const wal = await createWal({
    region: { name: 'eu', number: 3 },
    namespaces: {
      films: {
        ...{ payload: type<Film>(), queue: memoryQueue(), targets: { archive: target } },
        ...{ retry: { maxAttempts: 2, minDelay: '20ms' } },
        ...{ breaker: { minOpen: '50ms', maxOpen: '500ms' } },
      },
    },
  })
  const letters: unknown[] = []
  wal.on('deadLettered', (letter) => letters.push(letter))
  await wal.start()
  const versions = new Map<string, bigint>()
  const state = new Map<string, number>()
  const write = async (from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n++) {
      const key = `film ${n % 17}`
      const { id, version } = await wal.write('films', { key, payload: { year: n } })
      versions.set(id, version)
      state.set(key, n)
    }
  }
  return { archive, wal, letters, versions, state, write }
}

import { createWal, memoryQueue, queueTarget, type } from '@daybook/core'
import { archiveShelf, type Film } from '../../../../tests/support/forwarding-conformance.ts'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor } from './clients.ts'

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
  const { shelf, rows, came } = archiveShelf({ keepsOrder: true })
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

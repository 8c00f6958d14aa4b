import type { Clock } from '@daybook/core'
import type { KafkaAdmin, KafkaClient } from '../../src/index.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

/** As much of a queue over the topic `films` as reading its past needs; nothing is delayed. */
export function pastPartsOf(
  client: KafkaClient,
  clock: Clock,
  bounds: () => ReturnType<KafkaAdmin['bounds']>,
): QueueParts {
  const admin = {
    committed: async () => new Map(),
    bounds: (topic: string) => (topic.endsWith('.delays') ? Promise.resolve([]) : bounds()),
  }
  const options = { topic: 'films', topics: ['films'], group: 'daybook.films' }
  return { client, admin, options, context: { clock } } as unknown as QueueParts
}

import type { DeadLetterQueue } from '@daybook/core'
import { systemClock } from '@daybook/core'
import { kafkaDeadLetterQueue } from '../../src/dead-letters/kafka-dead-letters.ts'
import type { KafkaClient } from '../../src/index.ts'
import { settingsOf } from '../../src/kafka-options.ts'
import { PartitionPipe } from '../../src/producer/partition-pipe.ts'
import { SenderPool } from '../../src/producer/sender-pool.ts'
import { deadLettersTopicOf, type QueueParts } from '../../src/queue-parts.ts'

/** The dead letters of a queue that is open, kept by nobody once they are read: each is read from its topic again. */
export async function uncachedLetters(
  client: KafkaClient,
  topic: string,
): Promise<{ open(): DeadLetterQueue; dispose(): Promise<void> }> {
  const place = { topic: deadLettersTopicOf(topic), partition: 0 }
  const admin = await client.admin()
  const parts = { client, admin, context: { clock: systemClock } } as unknown as QueueParts
  const senders = new SenderPool(client)
  const pipe = new PartitionPipe(place, senders, {
    ...settingsOf({ client, topic }),
    clock: systemClock,
    largestBatch: () => Promise.reject(new Error('Nothing is refused here.')),
  })
  return {
    open: () => kafkaDeadLetterQueue(parts, place, (message) => pipe.send(message), 0),
    async dispose() {
      await senders.close()
      await admin.close()
    },
  }
}

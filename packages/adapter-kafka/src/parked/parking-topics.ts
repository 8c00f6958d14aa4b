import type { QueueContext } from '@daybook/core'
import { leastMarksMs } from '../dead-letters/kafka-dead-letters.ts'
import type { KafkaAdmin, KafkaTopic } from '../kafka-client.ts'
import { isDenied, kafkaError } from '../kafka-errors.ts'
import type { KafkaSettings } from '../kafka-options.ts'
import { parkedTopicOf } from '../queue-parts.ts'
import { type CheckedTopic, ensureTopics } from '../topics.ts'

/** What a parked record has beside its own message, and a batch's frame. */
const frameBytes = 120_000

/**
 * The topics whose parked records have a topic of their own, which is as it has to be: all where a dead letter
 * blocks its key, and else those that were parked of at some time.
 */
export async function parkingTopics(
  admin: KafkaAdmin,
  { blocksKeys }: Pick<QueueContext, 'blocksKeys'>,
  settings: KafkaSettings,
  topics: readonly (readonly [topic: string, found: CheckedTopic])[],
  pause: (ms: number) => Promise<void>,
): Promise<ReadonlySet<string>> {
  const parking: (readonly [string, CheckedTopic])[] = []
  for (const one of topics) {
    if (blocksKeys || (await isThere(admin, parkedTopicOf(one[0])))) parking.push(one)
  }
  const wanted = parking.map(([topic, { partitions }]) => ({
    topic: parkedTopicOf(topic),
    partitions,
    needsAll: true,
    cleanup: 'compact' as const,
    retentionMs: Number.POSITIVE_INFINITY,
    leastRetentionMs: Number.POSITIVE_INFINITY,
    messageBytes: settings.batchBytes + frameBytes,
    leastMarksMs,
  }))
  await ensureTopics(admin, wanted, settings, pause)
  return new Set(parking.map(([topic]) => topic))
}

async function isThere(admin: KafkaAdmin, name: string): Promise<boolean> {
  let found: KafkaTopic | undefined
  try {
    found = await admin.topic(name)
  } catch (error) {
    // A broker says so also of a topic that does not exist; a namespace that never blocks needs no right to it.
    if (isDenied(error)) return false
    throw kafkaError(`The topic ${name} cannot be looked at`, error)
  }
  return found !== undefined
}

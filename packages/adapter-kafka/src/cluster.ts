import { type Clock, WalError } from '@daybook/core'
import type { KafkaAdmin, KafkaClient } from './kafka-client.ts'
import { brokerErrorOf, kafkaError } from './kafka-errors.ts'

/** What a cluster is asked with. */
export interface ClusterOptions {
  readonly client: Pick<KafkaClient, 'name'>
  readonly topic: string
  readonly clock: Clock
  pause(ms: number): Promise<void>
}

/** For so long partitions may be without a leader before a start fails, in ms; the tries of the client may take longer. */
const leadersWithinMs = 30_000

const betweenLooksMs = 500

/**
 * Asked before all else: a client that connects only when it must learns here that it is not let in. kafkajs has no
 * answer for as long as any partition of the cluster is without a leader, as some are while brokers are started again.
 */
export async function clusterOf(
  admin: KafkaAdmin,
  { client, topic, clock, pause }: ClusterOptions,
): ReturnType<KafkaAdmin['cluster']> {
  const giveUpAt = clock.monotonic() + leadersWithinMs
  for (;;) {
    try {
      return await admin.cluster()
    } catch (error) {
      if (brokerErrorOf(error) !== 'LEADER_NOT_AVAILABLE') throw unreachable(topic, error)
      if (clock.monotonic() >= giveUpAt) throw leaderless(client.name, topic, error)
    }
    await pause(betweenLooksMs)
  }
}

/** No broker can be asked, or none lets this client in. */
export function unreachable(topic: string, error: unknown): WalError {
  return kafkaError(`Kafka cannot be reached for the topic ${topic}`, error)
}

function leaderless(client: string, topic: string, cause: unknown): WalError {
  const text =
    `The cluster of the topic ${topic} cannot be asked through ${client}, which takes no answer in which any partition, ` +
    `of whatever topic, has no leader: so it is for ${leadersWithinMs} ms. Bring back the brokers that have the replicas of ` +
    'those that `kafka-topics.sh --describe --unavailable-partitions` lists, or use `platformatic(…)` of ' +
    "@daybook/adapter-kafka/platformatic, to which others' partitions do not matter."
  return new WalError('ERR_IO', text, { retryable: true, cause })
}

import { WalError } from '@daybook/core'
import type { KafkaAdmin } from './kafka-client.ts'
import { kafkaError } from './kafka-errors.ts'

/** What a process that consumes may need to do with each topic of its queue. */
const needed = ['Read', 'Write'] as const

/**
 * Rejects where the cluster says that this client's principal may not do with a topic what consuming
 * needs, sending on and dead-lettering included. Not every client can ask.
 */
export async function checkRights(admin: KafkaAdmin, topics: readonly string[]): Promise<void> {
  await Promise.all(
    topics.map(async (topic) => {
      const rights = await rightsOf(admin, topic)
      const missing = needed.filter((right) => rights?.has(right) === false)
      if (missing.length === 0) return
      const what = missing.join(' and ')
      const text = `This client's principal may not ${what} the topic ${topic}. Give it Read, Write, Describe and DescribeConfigs on the topic.`
      throw new WalError('ERR_CONFIG', text)
    }),
  )
}

async function rightsOf(
  admin: KafkaAdmin,
  topic: string,
): Promise<ReadonlySet<string> | undefined> {
  try {
    return await admin.rights?.(topic)
  } catch (error) {
    throw kafkaError(`The rights on the topic ${topic} cannot be read`, error)
  }
}

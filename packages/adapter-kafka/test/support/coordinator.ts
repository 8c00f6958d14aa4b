import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'

/** Groups lie in different parts of the coordinator's topic, and each part begins by itself. */
const groups = Array.from({ length: 40 }, (_, at) => `awaited-${at}`)

/**
 * Resolves once the broker coordinates groups. One that has just started makes a topic for it first, and
 * clients tell of that wait as of a failure, which a suite that allows none would take for one.
 */
export async function awaitCoordinator(broker: string): Promise<void> {
  const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    for (let tries = 60; ; tries--) {
      try {
        for (const groupId of groups) await admin.fetchOffsets({ groupId, topics: [] })
        return
      } catch (error) {
        if (tries === 0) throw error
        await sleep(500)
      }
    }
  } finally {
    await admin.disconnect()
  }
}

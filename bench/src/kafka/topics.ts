import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Admin, Kafka, logLevel } from 'kafkajs'

/** Partitions of every topic here: the default of `kafkaQueue`. */
export const partitions = 6

/** Makes topics, looks what was committed, and removes them. */
export class Topics {
  readonly #broker: string
  readonly #made = new Set<string>()

  constructor(broker: string) {
    this.#broker = broker
  }

  /** A topic of its own, with leaders that know it. */
  async create(): Promise<string> {
    const topic = `bench-${randomUUID()}`
    const topics = [{ topic, numPartitions: partitions, replicationFactor: 1 }]
    // Its own wait fails where a broker has not heard of the topic, rather than going on.
    await this.#ask((admin) => admin.createTopics({ topics, waitForLeaders: false }))
    this.#made.add(topic)
    for (let tries = 50; tries > 0; tries--) {
      const size = await this.size(topic).catch(() => undefined)
      if (size !== undefined) return topic
      await sleep(100)
    }
    throw new Error(`${topic} was created, and its leaders do not know it`)
  }

  /** How many messages a topic holds. */
  async size(topic: string): Promise<number> {
    const offsets = await this.#ask((admin) => admin.fetchTopicOffsets(topic))
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  }

  /** How many messages of a topic a group is done with. */
  async committed(groupId: string, topic: string): Promise<number> {
    const [found] = await this.#ask((admin) => admin.fetchOffsets({ groupId, topics: [topic] }))
    const offsets = found?.partitions.map(({ offset }) => Math.max(0, Number(offset))) ?? []
    return offsets.reduce((sum, offset) => sum + offset, 0)
  }

  /** Removes a topic, with what a queue has made beside it. */
  async remove(topic: string): Promise<void> {
    await this.#ask(async (admin) => {
      const existing = await admin.listTopics()
      const topics = existing.filter((name) => name === topic || name.startsWith(`${topic}.`))
      if (topics.length > 0) await admin.deleteTopics({ topics })
    })
    this.#made.delete(topic)
  }

  async removeAll(): Promise<void> {
    for (const topic of this.#made) await this.remove(topic)
  }

  /** An admin keeps asking after every topic it has ever heard of, and fails once one of them is gone. */
  async #ask<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers: [this.#broker], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    try {
      return await work(admin)
    } finally {
      await admin.disconnect()
    }
  }
}

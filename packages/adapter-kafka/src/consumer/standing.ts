import type { KafkaCommit } from '../kafka-client.ts'
import type { QueueParts } from '../queue-parts.ts'
import type { Partition } from './partition.ts'

/** What is known of a partition: the group's commit, if there is one, and the first offset that is kept. */
export type OnStanding = (
  partition: Partition,
  commit: KafkaCommit | undefined,
  first: number,
) => void

/** Whose standing is asked for. */
export interface StandingOptions {
  readonly parts: QueueParts
  readonly group: string
  readonly topics: readonly string[]
  /** It is asked again. */
  failed(error: unknown): void
  /** True once nobody needs it any more. */
  isOver(): boolean
}

/** So often it is asked in vain how far a group is before anybody is told. */
const patientTries = 7

const longestAskMs = 1_000

/** Asks how far a group is in partitions, until it is known. */
export class Standing {
  readonly #options: StandingOptions

  constructor(options: StandingOptions) {
    this.#options = options
  }

  /** Resolves once each of these was answered, or is lost. Never rejects. */
  async ask(partitions: readonly Partition[], onStanding: OnStanding): Promise<void> {
    const { parts, group, topics, failed, isOver } = this.#options
    for (const topic of topics) {
      let left = partitions.filter(({ place }) => place.topic === topic)
      for (let tries = 1; left.length > 0; tries++) {
        try {
          const committed = await parts.admin.committed(group, topic)
          const bounds = await parts.admin.bounds(topic)
          for (const partition of left.filter(({ isLost }) => !isLost)) {
            const { partition: number } = partition.place
            onStanding(partition, committed.get(number), bounds[number]?.first ?? 0)
          }
          left = []
        } catch (error) {
          // A partition that has just been made or moved is known everywhere only after a moment.
          if (tries === patientTries) failed(error)
          await parts.pause(Math.min(longestAskMs, 25 * 2 ** tries))
          left = left.filter(({ isLost }) => !isLost && !isOver())
        }
      }
    }
  }
}

import type { KafkaAdmin } from '../kafka-client.ts'
import type { KafkaSettings } from '../kafka-options.ts'
import { delaysGroupOf, delaysTopicOf } from '../queue-parts.ts'
import type { Partition } from './partition.ts'
import { noteOf } from './progress-text.ts'

/** Whoever knows of its own partitions better than the cluster does. */
export interface Owner {
  readonly partitions: readonly Partition[]
}

/** How much is left to do: counted from offsets, so that what a broker has removed counts until it is passed. */
export class Lag {
  readonly #admin: KafkaAdmin
  readonly #topic: string
  readonly #delays: string
  readonly #delaysGroup: string

  constructor(admin: KafkaAdmin, { topic, group }: KafkaSettings) {
    this.#admin = admin
    this.#topic = topic
    this.#delays = delaysTopicOf(topic)
    this.#delaysGroup = delaysGroupOf(group)
  }

  /** The offsets that come next, by partition. */
  async ends(): Promise<readonly number[]> {
    return (await this.#admin.bounds(this.#topic)).map(({ next }) => next)
  }

  async ofGroup(group: string, owner: Owner): Promise<{ pending: number; delayed: number }> {
    const delayed = await this.delayed()
    return { pending: await this.openBelow(await this.ends(), group, owner), delayed }
  }

  /** How many records below these offsets the group is not done with. */
  async openBelow(ends: readonly number[], group: string, owner: Owner): Promise<number> {
    const own = new Map(owner.partitions.map((one) => [one.place.partition, one]))
    const isOwn = ends.every((_, partition) => own.has(partition))
    const open = isOwn ? [] : await this.#openInCluster(this.#topic, group, ends)
    return ends.reduce(
      (sum, end, partition) => sum + (own.get(partition)?.openBelow(end) ?? open[partition] ?? 0),
      0,
    )
  }

  /** Records that wait to become due, or to be sent on. One that is just being sent on counts twice. */
  async delayed(): Promise<number> {
    // In this order: what is sent on in between is counted where it was, or where it went.
    const committed = await this.#admin.committed(this.#delaysGroup, this.#delays)
    const bounds = await this.#admin.bounds(this.#delays)
    return bounds.reduce((sum, { first, next }, partition) => {
      const commit = committed.get(partition)
      const { progress } = noteOf(commit?.offset ?? first, commit?.metadata ?? '')
      return sum + progress.openBelow(next)
    }, 0)
  }

  async #openInCluster(
    topic: string,
    group: string,
    ends: readonly number[],
  ): Promise<readonly number[]> {
    const committed = await this.#admin.committed(group, topic)
    const bounds = await this.#admin.bounds(topic)
    return ends.map((end, partition) => {
      const commit = committed.get(partition)
      const first = commit?.offset ?? bounds[partition]?.first ?? 0
      return noteOf(first, commit?.metadata ?? '').progress.openBelow(end)
    })
  }
}

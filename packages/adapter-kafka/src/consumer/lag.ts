import type { KafkaAdmin } from '../kafka-client.ts'
import type { KafkaSettings } from '../kafka-options.ts'
import { boundsOf, nameOf } from '../places.ts'
import { delaysGroupOf, delaysTopicOf } from '../queue-parts.ts'
import type { Partition } from './partition.ts'
import { noteOf } from './progress-text.ts'

/** Whoever knows of its own partitions better than the cluster does. */
export interface Owner {
  readonly partitions: readonly Partition[]
}

/** Offsets, by the names of the partitions. */
export type Offsets = ReadonlyMap<string, number>

/** How much is left to do: counted from offsets, so that what a broker has removed counts until it is passed. */
export class Lag {
  readonly #admin: KafkaAdmin
  readonly #topics: readonly string[]
  readonly #delays: string
  readonly #delaysGroup: string

  constructor(admin: KafkaAdmin, { topic, topics, group }: KafkaSettings) {
    this.#admin = admin
    this.#topics = topics
    this.#delays = delaysTopicOf(topic)
    this.#delaysGroup = delaysGroupOf(group)
  }

  /** The offsets that come next. */
  async ends(): Promise<Offsets> {
    const bounds = await boundsOf(this.#admin, this.#topics)
    return new Map([...bounds].map(([name, { next }]) => [name, next]))
  }

  async ofGroup(group: string, owner: Owner): Promise<{ pending: number; delayed: number }> {
    const delayed = await this.delayed()
    return { pending: await this.openBelow(await this.ends(), group, owner), delayed }
  }

  /** How many records below these offsets the group is not done with. */
  async openBelow(ends: Offsets, group: string, owner: Owner): Promise<number> {
    const own = new Map(owner.partitions.map((one) => [nameOf(one.place), one]))
    const isOwn = [...ends.keys()].every((name) => own.has(name))
    const open = isOwn ? new Map<string, number>() : await this.#openInCluster(group, ends)
    return [...ends].reduce(
      (sum, [name, end]) => sum + (own.get(name)?.pendingBelow(end) ?? open.get(name) ?? 0),
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

  async #openInCluster(group: string, ends: Offsets): Promise<Offsets> {
    const open = new Map<string, number>()
    for (const topic of this.#topics) {
      const committed = await this.#admin.committed(group, topic)
      for (const [partition, { first }] of (await this.#admin.bounds(topic)).entries()) {
        const name = nameOf({ topic, partition })
        const commit = committed.get(partition)
        const { progress, parked } = noteOf(commit?.offset ?? first, commit?.metadata ?? '')
        open.set(name, progress.openBelow(ends.get(name) ?? 0) + (parked?.count ?? 0))
      }
    }
    return open
  }
}

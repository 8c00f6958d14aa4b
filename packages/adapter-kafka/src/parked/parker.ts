import type { OnEntry } from '../consumer/look-ahead.ts'
import type { Partition, Slot } from '../consumer/partition.ts'
import type { ParkedNote } from '../consumer/progress-text.ts'
import { parkedTopicOf } from '../queue-parts.ts'
import type { Bounds } from './parked-log-port.ts'
import { type ParkedOptions, ParkedPartition } from './parked-partition.ts'

/** What a consumer has parked: a part for each of its partitions, so that none waits for another. */
export class Parker {
  readonly #options: ParkedOptions
  readonly #parts = new WeakMap<Partition, ParkedPartition>()
  /** Those that were not lost when the last one began. */
  #all: readonly (readonly [Partition, ParkedPartition])[] = []
  /** What is being asked, by topic. */
  readonly #bounds = new Map<string, Promise<readonly Bounds[]>>()

  constructor(options: Omit<ParkedOptions, 'bounds'>) {
    this.#options = { ...options, bounds: (topic) => this.#boundsOf(topic) }
  }

  /**
   * A partition is given to this consumer, and was loaded. Resolves once its own topic may be read; undefined: at once.
   */
  begin(partition: Partition): Promise<void> | undefined {
    const { parts, target } = this.#options
    const isThere = parts.parking.has(parkedTopicOf(partition.place.topic, target, parts.options))
    if (!isThere && (partition.carried?.count ?? 0) === 0) {
      if (partition.carried !== undefined) partition.carried = voided(partition.carried)
      return undefined
    }
    const parked = new ParkedPartition(this.#options, partition)
    this.#all = [...this.#all.filter(([{ isLost }]) => !isLost), [partition, parked]]
    this.#parts.set(partition, parked)
    partition.parked = parked.log
    return parked.handOut()
  }

  /** Tells of what is parked and not handed out. Rejects where that cannot be read. */
  async lookAhead(signal: AbortSignal, onEntry: OnEntry): Promise<void> {
    const all = this.#all.map(([, parked]) => parked.lookAhead(signal, onEntry))
    const failed = (await Promise.allSettled(all)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  /** There may be room again for what is parked of it. */
  readOn(partition: Partition): void {
    this.#parts.get(partition)?.readOn()
  }

  /** Rejects where one is not known to be parked. Those of a partition that was lost are left. */
  async park(slots: readonly Slot[]): Promise<void> {
    const calls = [...ofPartitions(slots)].map(async ([partition, own]) => {
      try {
        await this.#parts.get(partition)?.park(own)
      } catch (error) {
        // What becomes of these is its next owner's.
        if (!partition.isLost) throw error
      }
    })
    const failed = (await Promise.allSettled(calls)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
  }

  /** Acks what is not parked at once, the rest as soon as may be. Undefined where there is nothing to wait for. */
  ack(slots: readonly Slot[]): Promise<unknown> | undefined {
    if (this.#all.length === 0) {
      for (const slot of slots) slot.partition.ack(slot)
      return undefined
    }
    const waits: Promise<void>[] = []
    for (const [partition, own] of ofPartitions(slots)) {
      const parked = this.#parts.get(partition)
      const wait = parked?.ack(own)
      if (wait !== undefined) waits.push(wait)
      if (parked === undefined) for (const slot of own) partition.ack(slot)
    }
    return waits.length === 0 ? undefined : Promise.all(waits)
  }

  /** Ends the acks that are under way, unless they fail. Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map(([, parked]) => parked.close()))
  }

  #boundsOf(topic: string): Promise<readonly Bounds[]> {
    const asked = this.#bounds.get(topic)
    if (asked !== undefined) return asked
    const bounds = this.#options.parts.admin.bounds(topic).finally(() => this.#bounds.delete(topic))
    this.#bounds.set(topic, bounds)
    return bounds
  }
}

/** Nothing that is there by now will ever count: its records are read from their own topic. */
function voided({ claim, ...note }: ParkedNote): ParkedNote {
  return { ...note, claim: claim + 1, floor: claim + 1 }
}

function ofPartitions(slots: readonly Slot[]): ReadonlyMap<Partition, readonly Slot[]> {
  const all = new Map<Partition, Slot[]>()
  for (const slot of slots) {
    const own = all.get(slot.partition)
    if (own === undefined) all.set(slot.partition, [slot])
    else own.push(slot)
  }
  return all
}

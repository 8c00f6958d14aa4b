import { WalError } from '@daybook/core'
import type { Membership } from '../consumer/membership.ts'
import type { Partition, ReadRecord, Slot } from '../consumer/partition.ts'
import { noteOf } from '../consumer/progress-text.ts'
import type { KafkaEntry, KafkaPlace } from '../kafka-client.ts'
import type { QueueParts } from '../queue-parts.ts'
import type { ParkedRecords } from './parked-records.ts'

/** What a parker needs of its consumer. */
export interface ParkerOptions {
  readonly parts: QueueParts
  readonly records: ParkedRecords
  readonly membership: Membership
  read(place: KafkaPlace, entry: KafkaEntry): ReadRecord
}

/** So often a commit is awaited before an ack of something parked fails, and so long between, in ms. */
const mostCommits = 50
const betweenCommitsMs = 100

/**
 * Moves records between a partition and its parked topic. A copy is stored once all that was done with before is
 * committed, and before the record counts as done with in its partition; it is taken away, too, once all that was done
 * with before is committed, and before anything that comes after it in its key is.
 */
export class Parker {
  readonly #options: ParkerOptions

  constructor(options: ParkerOptions) {
    this.#options = options
  }

  /** Reads what is parked of a partition that is about to be loaded; what it answers hands that to it. */
  async prepare(partition: Partition, metadata: string): Promise<() => void> {
    const { records, read } = this.#options
    const { place } = partition
    // What is noted was committed by then; of what is lost meanwhile nothing is to be written.
    if (!records.has(place) || partition.isLost) return () => {}
    const { claim, copies } = await records.load(place, noteOf(0, metadata).parked)
    return () => {
      partition.parked.claim = claim
      for (const { entry, copyKey } of copies)
        partition.addParked(entry, read(place, entry), copyKey)
    }
  }

  /** Rejects where one is not known to be parked. Those of a partition that was lost are left. */
  async park(slots: readonly Slot[]): Promise<void> {
    const { records, membership } = this.#options
    const own = slots.filter(
      (slot) => records.has(slot.partition.place) && !slot.partition.parked.has(slot),
    )
    if (own.length === 0) return
    await this.#untilFirst(own)
    // What was applied before these is not to come again behind them.
    await this.#saved([...new Set(own.map(({ partition }) => partition))])
    const left = own.filter((slot) => !slot.partition.isLost && slot.partition.has(slot))
    const copying = records.copy(left)
    for (const slot of left) slot.parking = copying
    const { stored, error } = await copying
    const kept = stored.filter(([{ partition }]) => !partition.isLost)
    for (const [slot, copyKey] of kept) slot.partition.park(slot, copyKey)
    membership.somethingDone(new Set(kept.map(([{ partition }]) => partition)))
    if (error !== undefined) throw error
  }

  /** Takes the copies of these away, where there are any: they are done with. */
  async unpark(slots: readonly Slot[]): Promise<void> {
    const copied = slots.filter(({ copies }) => copies.size > 0)
    if (copied.length === 0) return
    await Promise.all(copied.map(({ parking }) => parking))
    const ofPartitions = new Map<Partition, string[]>()
    for (const { partition, copies } of copied) {
      const keys = ofPartitions.get(partition) ?? []
      ofPartitions.set(partition, keys)
      keys.push(...copies)
    }
    await this.#saved([...ofPartitions.keys()])
    const here = [...ofPartitions].filter(([{ isLost }]) => !isLost)
    await Promise.all(here.map(([{ place }, keys]) => this.#options.records.remove(place, keys)))
  }

  /** Resolves once nothing stands before these in their keys but what is parked: it is being acked. */
  async #untilFirst(slots: readonly Slot[]): Promise<void> {
    for (let tries = 0; hasEarlier(slots); tries++) {
      if (tries === mostCommits) throw notCommitted()
      await this.#options.parts.pause(betweenCommitsMs)
    }
  }

  /** Resolves once what was done with before the call is committed, in those that are not lost meanwhile. */
  async #saved(partitions: readonly Partition[]): Promise<void> {
    const marks = partitions.map((partition) => [partition, partition.changes.now] as const)
    const unsaved = (): readonly Partition[] =>
      marks
        .filter(([{ changes, isLost }, count]) => !isLost && !changes.isSaved(count))
        .map(([partition]) => partition)
    for (let tries = 0; unsaved().length > 0; tries++) {
      if (tries === mostCommits) throw notCommitted()
      if (tries > 0) await this.#options.parts.pause(betweenCommitsMs)
      await this.#options.membership.commitNow(unsaved())
    }
  }
}

function hasEarlier(slots: readonly Slot[]): boolean {
  const asked = new Set(slots)
  const last = new Map<Partition, Map<string | undefined, number>>()
  for (const { partition, offset, read } of slots) {
    const ofPartition = last.get(partition) ?? new Map<string | undefined, number>()
    last.set(partition, ofPartition.set(read.record.key, offset))
  }
  for (const [partition, offsets] of last) {
    if (partition.isLost) continue
    for (const slot of partition.slots) {
      const end = offsets.get(slot.read.record.key) ?? 0
      if (slot.offset < end && !asked.has(slot) && !partition.parked.has(slot)) return true
    }
  }
  return false
}

function notCommitted(): WalError {
  const text = 'What was done with before a parked record is not committed.'
  return new WalError('ERR_IO', text, { retryable: true })
}

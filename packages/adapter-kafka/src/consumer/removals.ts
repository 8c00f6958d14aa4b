import { WalError } from '@daybook/core'
import type { QueueParts } from '../queue-parts.ts'
import type { Partition } from './partition.ts'

/** Offsets from one up to, and without, another, of which nothing came; so many were not done with. */
export interface Gap {
  readonly from: number
  readonly to: number
  readonly open: number
}

/** Tells of what a broker has removed before a group was done with it. */
export class Removals {
  readonly #parts: QueueParts
  readonly #group: string
  readonly #failed: (error: unknown) => void

  constructor(parts: QueueParts, group: string, failed: (error: unknown) => void) {
    this.#parts = parts
    this.#group = group
    this.#failed = failed
  }

  /**
   * Reading has gone from one offset to a later one. Between them there may have been marks of transactions,
   * and what compaction has left out; but not where the broker keeps nothing so old any more.
   */
  async tellOfGap(partition: Partition, { from, to, open }: Gap): Promise<void> {
    if (open === 0) return
    const { topic, partition: number } = partition.place
    try {
      const first = (await this.#parts.admin.bounds(topic))[number]?.first ?? 0
      const gone = Math.min(open, Math.min(first, to) - from)
      if (gone > 0) this.tell(partition, gone, Math.max(first, to))
    } catch (error) {
      this.#failed(error)
    }
  }

  /** What the broker has removed cannot be read: to ask for it would be to ask for ever. True where something was. */
  passOver(partition: Partition, first: number): boolean {
    const gone = partition.openBelow(first)
    partition.readUpTo(first)
    if (gone > 0) this.tell(partition, gone, first)
    return gone > 0
  }

  tell({ place }: Partition, gone: number, goesOnAt: number): void {
    const { topic, partition: number } = place
    const text =
      `The broker has removed ${gone} offsets of ${topic}, partition ${number}, before the group ` +
      `"${this.#group}" was done with them. It goes on at ${goesOnAt}. Raise the topic's retention.ms.`
    this.#parts.context.reportError(new WalError('ERR_NOT_KEPT', text))
  }
}

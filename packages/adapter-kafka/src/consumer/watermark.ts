import type { Clock, Watermark } from '@daybook/core'
import { nameOf } from '../places.ts'
import type { Lag, Owner } from './lag.ts'
import type { Slot } from './partition.ts'

/** Where a mark is made. */
export interface MarkOptions {
  readonly lag: Lag
  readonly group: string
  readonly membership: Owner
  readonly clock: Clock
  readonly includeDelayed: boolean
}

/**
 * The end of the queue at this instant. Delayed records reach the topic's partitions behind it; they
 * are told by when they were written. While any of those wait, `remaining` counts what came in
 * meanwhile too, and so is never too low.
 */
export async function watermarkOf(options: MarkOptions): Promise<Watermark> {
  const { lag, group, membership, clock, includeDelayed } = options
  const delayedThen = includeDelayed ? await lag.delayed() : 0
  const writtenBy = clock.now()
  const first = await lag.ends()
  let ends = first
  let waitsForDelayed = delayedThen > 0
  return {
    covers({ handle, record }) {
      const { partition, offset } = handle as Slot
      if (offset < (first.get(nameOf(partition.place)) ?? 0)) return true
      return includeDelayed && record.dueAt !== undefined && record.writtenAt <= writtenBy
    },
    async remaining() {
      let delayed = 0
      if (waitsForDelayed) {
        delayed = await lag.delayed()
        ends = await lag.ends()
        waitsForDelayed = delayed > 0
      }
      return delayed + (await lag.openBelow(ends, group, membership))
    },
  }
}

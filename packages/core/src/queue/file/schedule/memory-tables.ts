import { setImmediate } from 'node:timers/promises'
import type { SequenceRange } from '../cursor-acked.ts'
import type { DelayedHeap } from '../delayed-heap.ts'
import { type Rows, rowNumbers } from './run-format.ts'
import { sortRows } from './sort-rows.ts'

/** The two tables of a run, and the sequences in it. */
export interface MemoryTables {
  readonly byTime: Rows
  readonly byId: Rows
  readonly sequences: readonly SequenceRange[]
}

/** What is in memory, sorted for a run; without what is done with. Lets others run in between. */
export async function tablesOf(
  heap: DelayedHeap,
  isDone: (sequence: number) => boolean,
): Promise<MemoryTables> {
  const byTime = new Float64Array(heap.size * rowNumbers)
  const byId = new Float64Array(heap.size * rowNumbers)
  const all = new Float64Array(heap.size)
  let count = 0
  for (const { at, order, address, hash } of heap.items()) {
    if (isDone(order)) continue
    byTime.set([at, order, address], count * rowNumbers)
    byId.set([hash, order, address], count * rowNumbers)
    all[count++] = order
  }
  await setImmediate()
  const sortedByTime = sortRows(byTime.subarray(0, count * rowNumbers))
  await setImmediate()
  const sortedById = sortRows(byId.subarray(0, count * rowNumbers))
  return { byTime: sortedByTime, byId: sortedById, sequences: rangesOf(all.subarray(0, count)) }
}

function rangesOf(sequences: Float64Array): readonly SequenceRange[] {
  const ranges: [number, number][] = []
  for (const sequence of sequences.toSorted()) {
    const last = ranges.at(-1)
    if (last && sequence === last[1] + 1) last[1] = sequence
    else ranges.push([sequence, sequence])
  }
  return ranges
}

import { GroupCounter } from './group-counter.ts'
import type { Meter } from './meter.ts'
import type { Summary } from './statistics.ts'

/** What was seen of the writers beside their speed. */
export interface WritersNotes {
  /** Records that were answered together in the measured time, which is to say shared one sync. */
  readonly groups: Summary | undefined
  /** Share (0 to 1) of the time in which this process's event loop was busy. */
  readonly loopBusy: number
}

/**
 * Keeps `count` writers busy until the meter's time is up. Each awaits the durable answer of its
 * write before it begins the next. One reading of the clock serves as the end of a write and the
 * beginning of the next, to keep the cost of measuring down. A write may carry several records.
 */
export async function runWriters(
  count: number,
  meter: Meter,
  write: () => PromiseLike<unknown>,
  recordsPerWrite = 1,
): Promise<WritersNotes> {
  const groups = new GroupCounter()
  const writer = async (): Promise<void> => {
    let startedAt = performance.now()
    while (!meter.isOver(startedAt)) {
      await write()
      const now = performance.now()
      const counts = meter.completed(startedAt, now, recordsPerWrite)
      groups.completed(counts ? recordsPerWrite : 0)
      startedAt = now
    }
  }
  meter.begin(performance.now())
  const loopBefore = performance.eventLoopUtilization()
  await Promise.all(Array.from({ length: count }, writer))
  const loopBusy = performance.eventLoopUtilization(loopBefore).utilization
  return { groups: groups.sizes(), loopBusy }
}

import { GroupCounter } from './group-counter.ts'
import type { Meter } from './meter.ts'
import type { Summary } from './statistics.ts'
import { TurnClock } from './turn-clock.ts'

/** What was seen of the writers beside their speed. */
export interface WritersNotes {
  /** Records that were answered together in the measured time, which is to say shared one sync. */
  readonly groups: Summary | undefined
  /** Share (0 to 1) of the time in which this process's event loop was busy. */
  readonly loopBusy: number
}

/** From so many writers on only some writes are timed. */
const manyWriters = 64
/** Of each writer's, one in so many. */
const timedOneIn = 8

/**
 * Keeps `count` writers busy until the meter's time is up. Each awaits the durable answer of its
 * write before it begins the next. A write may carry several records.
 *
 * Every write counts. To keep the cost of measuring down the clock is read once for all that are
 * answered together, and where writers are many only one in eight of each writer's writes is timed,
 * so that at every moment an eighth of the writers is: the first and the last of a group alike.
 */
export async function runWriters(
  count: number,
  meter: Meter,
  write: () => PromiseLike<unknown>,
  recordsPerWrite = 1,
): Promise<WritersNotes> {
  const groups = new GroupCounter()
  const turns = new TurnClock()
  const oneIn = count < manyWriters ? 1 : timedOneIn
  const writer = async (number: number): Promise<void> => {
    let untilTimed = number % oneIn
    let startedAt = 0
    let now = turns.now()
    while (!meter.isOver(now)) {
      const isTimed = untilTimed === 0
      untilTimed = isTimed ? oneIn - 1 : untilTimed - 1
      if (isTimed) startedAt = performance.now()
      await write()
      now = turns.now()
      const counts = meter.counts(now, recordsPerWrite)
      groups.completed(counts ? recordsPerWrite : 0)
      if (isTimed && counts) meter.took(performance.now() - startedAt, recordsPerWrite)
    }
  }
  meter.begin(performance.now())
  const loopBefore = performance.eventLoopUtilization()
  await Promise.all(Array.from({ length: count }, (_, number) => writer(number)))
  const loopBusy = performance.eventLoopUtilization(loopBefore).utilization
  return { groups: groups.sizes(), loopBusy }
}

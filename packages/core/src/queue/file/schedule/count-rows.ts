import type { Cursor } from '../cursor.ts'
import { rowNumbers } from './run-format.ts'
import type { RunQueue } from './run-queue.ts'

/**
 * Reads what is needed to count a run's rows after an instant that were not come past and are not
 * done with; answers what counts them, as they are then.
 */
export async function counterOf(
  queue: RunQueue,
  instant: number,
  cursor: Pick<Cursor, 'isDone' | 'runs'>,
): Promise<() => number> {
  const { run } = queue
  const { block, row } = queue.firstAfter(instant)
  const rows = await run.byTime.read(block)
  const from = (row - run.byTime.rowAt(block)) * rowNumbers
  return () => {
    let count = run.byTime.rows - run.byTime.rowAt(block) - run.byTime.rowsIn(block)
    for (let at = from; at < rows.length; at += rowNumbers) {
      if ((rows[at] as number) > instant && !cursor.isDone(rows[at + 1] as number)) count++
    }
    for (const [each, gone] of cursor.runs.get(run.number)?.gone ?? []) {
      if (each > block) count -= gone
    }
    return count
  }
}

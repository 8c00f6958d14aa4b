import { phase } from '../harness/phase.ts'
import { type Log, openLog } from './open-log.ts'

export interface ReadTask extends Log {
  readonly records: number
}

/** All in ms, each from the call of `createWal` or `start`. */
export interface ReadTimes {
  readonly createMs: number
  /** From `start` to the first record at the target. */
  readonly firstMs: number
  /** From `start` until the target has had all of them. */
  readonly allMs: number
}

/** Opens a log as a service would that was just started, and delivers all of it. */
export const readPhase = phase(import.meta.url, async (task: ReadTask): Promise<ReadTimes> => {
  const createdAt = performance.now()
  let applied = 0
  let firstAt = 0
  const wal = await openLog(task, (records) => {
    if (applied === 0) firstAt = performance.now()
    applied += records
  })
  const startedAt = performance.now()
  await wal.start()
  await wal.drain({ timeout: '15m' })
  const endedAt = performance.now()
  await wal.close()
  if (applied !== task.records) {
    throw new Error(`${task.records} records are in the log and ${applied} were applied`)
  }
  return {
    createMs: startedAt - createdAt,
    firstMs: firstAt - startedAt,
    allMs: endedAt - startedAt,
  }
})

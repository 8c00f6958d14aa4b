import { setTimeout as sleep } from 'node:timers/promises'
import { type Memory, settledMemory } from '../harness/memory.ts'
import { phase } from '../harness/phase.ts'
import { delayedIn, openDelayedLog } from './delayed-log.ts'

export interface PendingTask {
  readonly directory: string
  readonly records: number
}

export interface PendingResult {
  /** `createWal` and `start` together. */
  readonly openMs: number
  /** From the call of `createWal` until the consumer knows of every record that is pending. */
  readonly knownMs: number
  readonly memory: Memory
}

/** Opens the log with all of it pending, as a service does that was just started. */
export const pendingPhase = phase(
  import.meta.url,
  async (task: PendingTask): Promise<PendingResult> => {
    const startedAt = performance.now()
    const wal = await openDelayedLog(task.directory, (records) => {
      throw new Error(`${records.length} records came days before their time`)
    })
    await wal.start()
    const openMs = performance.now() - startedAt
    while ((await delayedIn(wal)) < task.records) await sleep(1)
    const knownMs = performance.now() - startedAt
    const memory = await settledMemory()
    await wal.close({ timeout: '5m' })
    return { openMs, knownMs, memory }
  },
)

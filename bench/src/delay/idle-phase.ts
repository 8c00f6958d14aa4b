import { setTimeout as sleep } from 'node:timers/promises'
import { type Memory, settledMemory } from '../harness/memory.ts'
import { phase } from '../harness/phase.ts'
import { openDelayedLog, writeDelayed } from './delayed-log.ts'

export interface IdleTask {
  readonly directory: string
  readonly payloadBytes: number
}

/** Enough to have everything loaded and compiled that the other phases use. */
const warmUpRecords = 20_000
const dayMs = 24 * 60 * 60 * 1000
const longestWaitMs = 60_000

/** What a process holds that runs the same wal with next to nothing in it. */
export const idlePhase = phase(import.meta.url, async (task: IdleTask): Promise<Memory> => {
  let applied = 0
  const wal = await openDelayedLog(task.directory, (records) => {
    applied += records.length
  })
  await wal.start()
  const { payloadBytes } = task
  // Half of them due at once, so that they are delivered too.
  await writeDelayed(wal, {
    count: warmUpRecords,
    payloadBytes,
    dueAt: (index) => Date.now() + (index % 2) * dayMs,
  })
  const giveUpAt = performance.now() + longestWaitMs
  while (applied < warmUpRecords / 2 && performance.now() < giveUpAt) await sleep(20)
  const memory = await settledMemory()
  await wal.close()
  return memory
})

import { setTimeout as sleep } from 'node:timers/promises'
import { type Memory, settledMemory } from '../harness/memory.ts'
import { phase } from '../harness/phase.ts'
import { delayedIn, openDelayedLog, writeDelayed } from './delayed-log.ts'

export interface FillTask {
  readonly directory: string
  readonly records: number
  readonly payloadBytes: number
}

export interface FillResult {
  /** From the first write to the last receipt. */
  readonly writeMs: number
  /** From there until the target's consumer has taken note of each. */
  readonly catchUpMs: number
  readonly closeMs: number
  /** With all of them pending. */
  readonly memory: Memory
  /** The most that was resident at any time, in bytes, while they were written. */
  readonly peakRssBytes: number
}

const dayMs = 24 * 60 * 60 * 1000
/** Due times lie in the thirty days behind the next one, in no order that the writes have. */
const spreadMs = 30 * dayMs
/** A prime that scatters consecutive numbers over the whole spread. */
const scatter = 1_540_483_477

/** Writes all that is to be pending, in a process that consumes too, and far ahead of their time. */
export const fillPhase = phase(import.meta.url, async (task: FillTask): Promise<FillResult> => {
  const wal = await openDelayedLog(task.directory, (records) => {
    throw new Error(`${records.length} records came days before their time`)
  })
  await wal.start()
  const startedAt = performance.now()
  const first = Date.now() + dayMs
  await writeDelayed(wal, {
    count: task.records,
    payloadBytes: task.payloadBytes,
    dueAt: (index) => first + ((index * scatter) % spreadMs),
  })
  const writtenAt = performance.now()
  while ((await delayedIn(wal)) < task.records) await sleep(50)
  const caughtUpAt = performance.now()
  const peakRssBytes = process.resourceUsage().maxRSS * 1024
  const memory = await settledMemory()
  const closingAt = performance.now()
  await wal.close({ timeout: '5m' })
  return {
    writeMs: writtenAt - startedAt,
    catchUpMs: caughtUpAt - writtenAt,
    closeMs: performance.now() - closingAt,
    memory,
    peakRssBytes,
  }
})

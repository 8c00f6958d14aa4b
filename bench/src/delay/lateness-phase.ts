import { setTimeout as sleep } from 'node:timers/promises'
import { phase } from '../harness/phase.ts'
import { Samples } from '../harness/samples.ts'
import { type DelayedLog, openDelayedLog, writeDelayed } from './delayed-log.ts'

export interface LatenessTask {
  readonly directory: string
  readonly payloadBytes: number
  /** Delayed records that fall due in each second. */
  readonly duePerSecond: number
  readonly seconds: number
  /** Records without a delay that are written in each second meanwhile. */
  readonly writtenPerSecond: number
  /** How long before the first one is due the log is closed and opened again, in ms. */
  readonly leadMs: number
}

/** In ms: how long after its due time a record was at the target. */
export interface LatenessResult {
  readonly records: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Records that the target was given before they were due. */
  readonly early: number
  /** Records without a delay that were written while the others fell due. */
  readonly written: number
  readonly loopBusy: number
}

/**
 * Adds records that fall due in a while, closes the log so that they lie among all the others on
 * disk, opens it again, and watches them come while others are written.
 */
export const latenessPhase = phase(
  import.meta.url,
  async (task: LatenessTask): Promise<LatenessResult> => {
    const count = task.duePerSecond * task.seconds
    const firstDueAt = Date.now() + task.leadMs
    await schedule(task, count, firstDueAt)
    const watch = new LatenessWatch()
    const wal = await openDelayedLog(task.directory, (records) => watch.see(records))
    await wal.start()
    await sleepUntil(firstDueAt)
    const loopBefore = performance.eventLoopUtilization()
    const lastDueAt = firstDueAt + task.seconds * 1000
    const written = await writeUntil(lastDueAt, wal, task)
    const loopBusy = performance.eventLoopUtilization(loopBefore).utilization
    const giveUpAt = Date.now() + longestLatenessMs
    while (watch.count < count && Date.now() < giveUpAt) await sleep(20)
    await wal.close({ timeout: '5m' })
    if (watch.count !== count) throw new Error(`${watch.count} of ${count} records came`)
    return { ...watch.result(), written, loopBusy }
  },
)

const longestLatenessMs = 120_000

async function schedule(task: LatenessTask, count: number, firstDueAt: number): Promise<void> {
  const wal = await openDelayedLog(task.directory, () => {})
  await wal.start()
  await writeDelayed(wal, {
    count,
    payloadBytes: task.payloadBytes,
    dueAt: (index) => firstDueAt + Math.floor((index * 1000) / task.duePerSecond),
  })
  await wal.close({ timeout: '5m' })
}

async function sleepUntil(instant: number): Promise<void> {
  const restMs = instant - Date.now()
  if (restMs < 0) {
    throw new Error(`opening the log again took ${-restMs} ms too long: give more --lead`)
  }
  await sleep(restMs)
}

/** Time between two handfuls of writes, in ms. */
const tickMs = 5

/** Writes at an even rate, whatever the answers take, and resolves once all are answered. */
async function writeUntil(instant: number, wal: DelayedLog, task: LatenessTask): Promise<number> {
  const bench = wal.namespace('bench')
  const payload = new Uint8Array(task.payloadBytes).fill(7)
  const startedAt = Date.now()
  const writes: Promise<unknown>[] = []
  while (Date.now() < instant) {
    const due = ((Date.now() - startedAt) / 1000) * task.writtenPerSecond
    while (writes.length < due) writes.push(bench.write({ payload }))
    await sleep(tickMs)
  }
  await Promise.all(writes)
  return writes.length
}

class LatenessWatch {
  readonly #lateness = new Samples()
  #early = 0

  get count(): number {
    return this.#lateness.count
  }

  see(records: readonly { readonly dueAt: number | undefined }[]): void {
    const now = Date.now()
    for (const { dueAt } of records) {
      if (dueAt === undefined) continue
      this.#lateness.add(now - dueAt)
      if (now < dueAt) this.#early += 1
    }
  }

  result() {
    const [p50Ms = Number.NaN, p99Ms = Number.NaN, maxMs = Number.NaN] = this.#lateness.quantiles(
      0.5,
      0.99,
      1,
    )
    return { records: this.count, p50Ms, p99Ms, maxMs, early: this.#early }
  }
}

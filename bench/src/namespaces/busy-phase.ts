import { setTimeout as sleep } from 'node:timers/promises'
import { phase } from '../harness/phase.ts'
import { Samples } from '../harness/samples.ts'
import { namesOf, openNamespaces } from './many-namespaces.ts'

export interface BusyTask {
  readonly directory: string
  readonly namespaces: number
  /** Of each namespace, each awaiting its receipt. */
  readonly writers: number
  /** Rest of a writer between two writes, in ms. */
  readonly restMs: number
  readonly payloadBytes: number
  readonly seconds: number
}

export interface BusyResult {
  readonly recordsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Share of the time that is not counted, at the beginning. */
const warmUpShare = 0.25

/** How fast many namespaces become durable at the same time, on one disk. */
export const busyPhase = phase(import.meta.url, async (task: BusyTask): Promise<BusyResult> => {
  const names = namesOf(task.namespaces)
  const wal = await openNamespaces(task.directory, names)
  const payload = new Uint8Array(task.payloadBytes).fill(7)
  const samples = new Samples()
  const beginAt = performance.now() + task.seconds * 1000 * warmUpShare
  const endAt = beginAt + task.seconds * 1000
  const writer = async (name: string, index: number): Promise<void> => {
    // Spread out, or all who rest would write at the same instant.
    await sleep((task.restMs * index) / names.length)
    for (let at = performance.now(); at < endAt; at = performance.now()) {
      await wal.write(name, { key: `key-${index}`, payload })
      const now = performance.now()
      if (at >= beginAt && now < endAt) samples.add(now - at)
      if (task.restMs > 0) await sleep(task.restMs)
    }
  }
  const writers = names.flatMap((name, at) =>
    Array.from({ length: task.writers }, () => writer(name, at)),
  )
  await Promise.all(writers)
  await wal.close({ timeout: '1m' })
  const [p50Ms = Number.NaN, p99Ms = Number.NaN] = samples.quantiles(0.5, 0.99)
  return { recordsPerSecond: samples.count / task.seconds, p50Ms, p99Ms }
})

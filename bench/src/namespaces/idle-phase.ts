import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { growth, type Memory, settledMemory } from '../harness/memory.ts'
import { phase } from '../harness/phase.ts'
import { namesOf, openNamespaces } from './many-namespaces.ts'

export interface IdleTask {
  readonly directory: string
  readonly namespaces: number
  /** True: each is written to once, and its record delivered, before it idles. */
  readonly written: boolean
  readonly idleSeconds: number
}

export interface IdleResult {
  readonly openMs: number
  readonly startMs: number
  readonly closeMs: number
  /** What the process holds beyond one that has opened and closed a wal of one namespace. */
  readonly memory: Memory
  /** Descriptors of any kind beyond those of such a process. Undefined where they cannot be counted. */
  readonly handles: number | undefined
  /** Processor time while idle, all threads, in ms a second. */
  readonly idleCpuMsPerSecond: number
  /** The same while the process had no wal open. */
  readonly emptyCpuMsPerSecond: number
}

/** Cursors are synced a second after their last change. */
const untilSyncedMs = 2000

/** What many namespaces cost that are open and have nothing to do. */
export const idlePhase = phase(import.meta.url, async (task: IdleTask): Promise<IdleResult> => {
  const { directory, idleSeconds } = task
  await run(`${directory}/warm-up`, { ...task, namespaces: 1, written: true })
  const memoryBefore = await settledMemory()
  const handlesBefore = openHandles()
  const emptyCpuMsPerSecond = await idleCpu(idleSeconds)
  const times = await run(directory, task, async () => ({
    memory: growth(memoryBefore, await settledMemory()),
    handles: difference(openHandles(), handlesBefore),
    idleCpuMsPerSecond: await idleCpu(idleSeconds),
  }))
  return { ...times, emptyCpuMsPerSecond }
})

async function run<T>(directory: string, task: IdleTask, whileIdle?: () => Promise<T>) {
  const names = namesOf(task.namespaces)
  const [wal, openMs] = await timed(() => openNamespaces(directory, names))
  const [, startMs] = await timed(() => wal.start())
  if (task.written) {
    const payload = new Uint8Array(128)
    await Promise.all(names.map((name) => wal.write(name, { key: 'key', payload })))
    await wal.drain()
  }
  await sleep(untilSyncedMs)
  const seen = (await whileIdle?.()) as T
  const [, closeMs] = await timed(() => wal.close({ timeout: '1m' }))
  return { openMs, startMs, closeMs, ...seen }
}

async function timed<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const begunAt = performance.now()
  return [await work(), performance.now() - begunAt]
}

async function idleCpu(seconds: number): Promise<number> {
  const before = process.cpuUsage()
  await sleep(seconds * 1000)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 / seconds
}

function openHandles(): number | undefined {
  try {
    return readdirSync('/dev/fd').length
  } catch {
    return undefined
  }
}

function difference(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b
}

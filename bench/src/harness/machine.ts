import os from 'node:os'
import { ownCpuMs } from './cpu-time.ts'
import type { Disk } from './disk.ts'

/** What the figures were measured on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly platform: string
  readonly node: string
  readonly fileSystem: string
  readonly freeDiskBytes: number
}

export function describeMachine(disk: Disk): Machine {
  const cpus = os.cpus()
  return {
    cpu: cpus[0]?.model.trim() ?? 'unknown',
    cores: cpus.length,
    memoryBytes: os.totalmem(),
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    node: process.version,
    fileSystem: disk.fileSystem,
    freeDiskBytes: disk.freeBytes,
  }
}

/** How busy the machine was while something was measured. */
export interface Load {
  /** Load average of the last minute, as the measurement began and as it ended. */
  readonly before: number
  readonly after: number
  /** Share (0 to 1) of all cores' time that other processes and the kernel's own work took. */
  readonly othersShare: number
}

/** Begins watching the machine; call the answer at the end. */
export function watchLoad(): () => Load {
  const before = os.loadavg()[0] ?? 0
  const busyBefore = busyMs()
  const ownBefore = ownCpuMs()
  const startedAt = performance.now()
  return () => {
    const othersMs = busyMs() - busyBefore - (ownCpuMs() - ownBefore)
    const capacityMs = (performance.now() - startedAt) * os.cpus().length
    return {
      before,
      after: os.loadavg()[0] ?? 0,
      othersShare: Math.min(1, Math.max(0, othersMs / capacityMs)),
    }
  }
}

/** Time all cores together have been busy since boot, in ms. */
function busyMs(): number {
  let sum = 0
  for (const { times } of os.cpus()) sum += times.user + times.nice + times.sys + times.irq
  return sum
}

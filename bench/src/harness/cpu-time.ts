let childrenMs = 0

/** Processor time of this process and of those it started and has told of, all threads, in ms. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage()
  return childrenMs + (user + system) / 1000
}

/** Counts a child's processor time, in ms, as ours. Node tells of no process but its own. */
export function addChildCpuMs(ms: number): void {
  childrenMs += ms
}

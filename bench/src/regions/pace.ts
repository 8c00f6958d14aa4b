import { setTimeout as sleep } from 'node:timers/promises'

/** The machine's monotonic clock, in ms: the same for all of its processes. */
export function machineNow(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** How much is written, and for how long. */
export interface Pace {
  readonly perSecond: number
  readonly durationMs: number
}

/**
 * Begins so many writes a second, whether or not those before are done, each with the instant at which
 * it was due: what a busy process begins late has waited since then. Answers how many it began.
 */
export async function paced(
  { perSecond, durationMs }: Pace,
  begin: (dueAt: number) => void,
): Promise<number> {
  const startedAt = machineNow()
  const all = Math.round((perSecond * durationMs) / 1000)
  for (let begun = 0; begun < all; ) {
    const due = Math.min(all, Math.floor(((machineNow() - startedAt) * perSecond) / 1000) + 1)
    for (; begun < due; begun++) begin(startedAt + (begun * 1000) / perSecond)
    await sleep(1)
  }
  return all
}

/** One life of a process that writes a transaction, or looks after what was left of one, until it kills itself at an instant. */
import { writeSync } from 'node:fs'
import { type Instant, openMarkerWorld } from './marker-kill-world.ts'

export interface MarkerKillTask {
  readonly directory: string
  readonly writes: boolean
  /** So long after now it looks after what was left, in ms; undefined: not at all. */
  readonly sweepsAtMs?: number
  readonly killAt: Instant
}

const { directory, writes, sweepsAtMs, killAt }: MarkerKillTask = JSON.parse(
  process.argv[2] ?? '{}',
)
const reached = (instant: Instant): void => {
  if (instant === killAt) process.kill(process.pid, 'SIGKILL')
}
const { transactions, sweep } = await openMarkerWorld({ directory, reached })
if (writes) {
  const put = { payload: Uint8Array.of(1) }
  await transactions.run(async (tx) => {
    await tx.put('base', { key: 'a', ...put })
    await tx.put('base', { key: 'b', ...put })
  }, {})
}
if (sweepsAtMs !== undefined) await sweep(sweepsAtMs)
writeSync(1, `it came past ${killAt}\n`)

import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TransactionsAtTargets } from '../../src/transaction/transactions-at-targets.ts'
import { bundled } from './bundled.ts'
import { TestProcess } from './kill-process.ts'
import type { MarkerKillTask } from './marker-kill-child.ts'
import { type Instant, markersIn, openMarkerWorld } from './marker-kill-world.ts'

let root: string
let script: string
let cases = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'daybook-markers-'))
  script = await bundled(join(import.meta.dirname, 'marker-kill-child.ts'), root)
})
afterAll(() => rm(root, { recursive: true, force: true }))

/** When a sweep sends what nobody seems to send, and when it sends what somebody was about to, in ms. */
const soonMs = 200_000
const lateMs = soonMs + 700_000

async function dies(task: MarkerKillTask): Promise<void> {
  const environment = { NODE_COMPILE_CACHE: join(root, 'compiled') }
  const { signal, complaints } = await new TestProcess(script, task, { environment }).ended
  expect(signal, complaints).toBe('SIGKILL')
}

async function newDirectory(): Promise<string> {
  const directory = join(root, `${cases++}`)
  await mkdir(directory)
  return directory
}

/** How many markers there are at the kill, after a sweep soon after it, and after one much later. */
async function livesOn(directory: string): Promise<readonly number[]> {
  const counts = [markersIn(directory).length]
  const world = await openMarkerWorld({ directory, reached: () => {} })
  for (const laterMs of [soonMs + 1000, lateMs]) {
    await world.sweep(laterMs)
    counts.push(markersIn(directory).length)
  }
  const markers = markersIn(directory)
  const [first] = markers
  const head = await world.store.get(first?.id ?? '')
  // Whoever sends it, and however often: it has the one version that the seal has fixed.
  expect(markers.map(({ version }) => version)).toEqual(markers.map(() => head?.version))
  expect(await appliedBy(world, directory)).toEqual(['a', 'b'])
  expect(world.errors).toEqual([])
  await world.transactions.close()
  return counts
}

/** Takes all markers through the target; answers what was applied. */
async function appliedBy(
  { store, changes, clock }: Awaited<ReturnType<typeof openMarkerWorld>>,
  directory: string,
): Promise<readonly (string | undefined)[]> {
  const atTargets = new TransactionsAtTargets({
    ...{ namespace: 'rows', store, changes, clock, patienceMs: 0 },
  })
  const applied: (string | undefined)[] = []
  for (const marker of markersIn(directory)) {
    const beginning = await atTargets.begin(marker, 'base')
    if (beginning.kind === 'done') continue
    if (beginning.kind !== 'ready') throw new Error(`it is ${beginning.kind}`)
    const { run } = beginning
    for (;;) {
      const next = await run.next({ maxRecords: 1, maxBytes: 1 })
      if (next.length === 0) break
      applied.push(next[0]?.key)
      await run.advance(1)
    }
    await run.end()
  }
  return applied
}

interface Kill {
  readonly killAt: Instant
  /** Markers of the sweeping process's making: at the kill, soon after, much later. */
  readonly counts: readonly [number, number, number]
}

const sweeps: readonly Kill[] = [
  { killAt: 'before the note that it is being sent', counts: [0, 1, 1] },
  { killAt: 'after the note that it is being sent', counts: [0, 0, 1] },
  { killAt: 'before the send', counts: [0, 0, 1] },
  { killAt: 'after the send', counts: [1, 1, 2] },
  { killAt: 'before the note that it was sent', counts: [1, 1, 2] },
  { killAt: 'after the note that it was sent', counts: [1, 1, 1] },
]

it.each([
  { sent: 0, killAt: 'before the send' },
  { sent: 1, killAt: 'after the send' },
] as const)(
  'a set whose process was killed $killAt gets its marker by real files, wherever the one dies that looks after it',
  async ({ sent, killAt }) => {
    const written = await newDirectory()
    await dies({ directory: written, writes: true, killAt })
    expect(markersIn(written)).toHaveLength(sent)
    for (const sweep of sweeps) {
      const directory = await newDirectory()
      await cp(written, directory, { recursive: true })
      await dies({ directory, writes: false, sweepsAtMs: soonMs, killAt: sweep.killAt })
      const counts = sweep.counts.map((count) => count + sent)
      expect(await livesOn(directory), sweep.killAt).toEqual(counts)
    }
  },
)

it.each([
  { killAt: 'before the note that it was sent', counts: [1, 2, 2] },
  { killAt: 'after the note that it was sent', counts: [1, 1, 1] },
] as const)(
  'a process that is killed $killAt costs a second marker at most',
  async ({ killAt, counts }) => {
    const directory = await newDirectory()
    await dies({ directory, writes: true, sweepsAtMs: soonMs, killAt })
    expect(await livesOn(directory)).toEqual(counts)
  },
)

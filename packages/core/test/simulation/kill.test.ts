import { describe, expect, it } from 'vitest'
import { repetitionsOf, violationsOf } from './kill-check.ts'
import { type KillRun, phases, runLives } from './kill-run.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)

const killsPerDirectory = Number(process.env['KILLS'] ?? 102)

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

describe('a process that is killed again and again', () => {
  it('loses nothing it has acknowledged, and delivers it in order', async () => {
    const runs = await Promise.all([
      runLives({ seed, kills: killsPerDirectory }),
      runLives({ seed: seed + 1, kills: killsPerDirectory, segmentBytes: 64 * 1024 }),
    ])
    for (const run of runs) {
      console.log(report(run))
      expect(run.failures).toEqual([])
      expect(violationsOf(run.history)).toEqual([])
    }
    const kills = (phase: (typeof phases)[number]): number =>
      sum(runs.map((run) => run.kills[phase]))
    expect(sum(phases.map(kills))).toBeGreaterThanOrEqual(2 * killsPerDirectory * 0.9)
    expect(phases.filter((phase) => kills(phase) < 4)).toEqual([])
    const openings = runs.flatMap((run) => run.openings)
    expect(Math.max(...openings)).toBeLessThan(2000)
  })
})

function report(run: KillRun): string {
  const { history, kills, openings } = run
  const sorted = openings.toSorted((a, b) => a - b)
  return JSON.stringify({
    kills,
    called: history.called.length,
    acknowledged: history.acknowledged.length,
    applied: [...history.applied].map(([target, each]) => `${target} ${each.length}`),
    repetitions: repetitionsOf(history),
    letters: history.letters.length,
    torn: history.torn,
    openingMedianMs: sorted[Math.floor(sorted.length / 2)],
    openingMaxMs: sorted.at(-1),
  })
}

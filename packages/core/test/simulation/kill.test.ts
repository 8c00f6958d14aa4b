import { describe, expect, it } from 'vitest'
import { mendedIn, repetitionsOf, violationsOf } from './kill-check.ts'
import { type KillRun, phases, runLives } from './kill-run.ts'

const seed = Number(process.env['DAYBOOK_SEED'] ?? 1)

const killsPerDirectory = 104

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

describe('a process that is killed again and again', () => {
  it('loses nothing it has acknowledged, and delivers it in order', async ({ annotate }) => {
    const runs = await Promise.all([
      runLives({ seed, kills: killsPerDirectory }),
      runLives({
        seed: seed + 1,
        kills: killsPerDirectory,
        segmentBytes: 16 * 1024,
        retainedBytes: 48 * 1024,
        redrives: true,
      }),
    ] as const)
    const [kept, redriven] = runs
    for (const run of runs) await annotate(describeRun(run))
    for (const { failures, history } of runs) {
      expect(failures).toEqual([])
      expect(violationsOf(history)).toEqual([])
    }
    expect(kept.history.letters.length).toBeGreaterThan(50)
    expect(redriven.history.letters).toEqual([])
    expect(mendedIn(redriven.history)).toBeGreaterThan(50)
    expect(kept.history.kept.at(-1)?.first).toBe(1)
    expect(redriven.history.kept.at(-1)?.first, 'first record kept').toBeGreaterThan(5000)
    expect(redriven.history.reuses.length, 'files used again').toBeGreaterThan(20)
    const kills = phases.map((phase) => sum(runs.map((run) => run.kills[phase])))
    expect(sum(kills)).toBeGreaterThanOrEqual(200)
    expect(Math.min(...kills), `kills in ${phases}: ${kills}`).toBeGreaterThanOrEqual(5)
  })
})

function describeRun({ history, kills, openings }: KillRun): string {
  const applied = [...history.applied].map(([target, { length }]) => `${target} ${length}`)
  return JSON.stringify({
    kills,
    called: history.called.length,
    acknowledged: history.acknowledged.length,
    applied,
    repetitions: repetitionsOf(history),
    letters: history.letters.length,
    mended: mendedIn(history),
    torn: history.torn,
    firstKept: history.kept.at(-1)?.first,
    reuses: history.reuses.length,
    longestOpeningMs: Math.max(...openings),
  })
}

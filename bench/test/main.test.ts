import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')
const temporary = join(import.meta.dirname, '../../.daybook')

/** Runs the benchmarks as `pnpm bench` does, and answers what came of it. */
function bench(...args: readonly string[]) {
  const before = leftovers()
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=source', main, ...args],
    { encoding: 'utf8' },
  )
  const left = leftovers().filter((name) => !before.includes(name))
  return { status, stdout, stderr, left }
}

function leftovers(): readonly string[] {
  return existsSync(temporary) ? readdirSync(temporary) : []
}

test('append prints one JSON object with every contestant and goal, and leaves nothing behind', () => {
  const { status, stdout, stderr, left } = bench(
    'append',
    '--json',
    ...['--seconds', '0.05'],
    ...['--rounds', '2'],
    ...['--writers', '8'],
  )
  expect(stderr).toContain('round 2: lmdb')
  const report = JSON.parse(stdout)
  expect(report.options).toMatchObject({ seconds: 0.05, rounds: 2, writers: 8, payloadBytes: 1024 })
  expect(report.contestants.map((one: { name: string }) => one.name)).toEqual([
    'node loop',
    'daybook bytes',
    'daybook json',
    'better-sqlite3',
    'lmdb',
  ])
  for (const one of report.contestants) {
    expect(one.rounds).toHaveLength(2)
    expect(one.recordsPerSecond.min).toBeGreaterThan(0)
  }
  expect(report.comparisons).toHaveLength(6)
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('deliver applies its whole backlog, prints a table, and leaves nothing behind', () => {
  const { status, stdout, left } = bench('deliver', '--mib', '2', '--rounds', '1', '--keys', '50')
  expect(stdout).toContain('A backlog of 2,048 records of 1024 bytes')
  expect(stdout).toMatch(/order none .*reached/)
  expect(stdout).toMatch(/order key .*reached/)
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test.each([
  [['append', '--rounds', '0'], '--rounds is 0; it must be a whole number from 1 to 1000'],
  [['append', '--keys', '5'], 'Unknown option `--keys`'],
  [['deliver', '--mib', 'lots'], '--mib is "lots"'],
])('refuses %j in one line', (args, message) => {
  const { status, stderr } = bench(...args)
  expect(stderr).toMatch(/^bench: .*\n$/)
  expect(stderr).toContain(message)
  expect(status).toBe(1)
})

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const main = join(import.meta.dirname, '../src/main.ts')
const temporary = join(import.meta.dirname, '../../.daybook')

/** Runs the benchmarks as `npm run bench --` does, and answers what came of it. */
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
    'growing loop',
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

test('append-matrix holds each cell against the disk, and one writer against bare calls', () => {
  const { status, stdout, left } = bench(
    'append-matrix',
    '--json',
    ...['--payload', '128,2048'],
    ...['--writers', '1'],
    ...['--seconds', '0.05'],
    ...['--rounds', '1'],
  )
  const report = JSON.parse(stdout)
  const cells = report.cells as { payloadBytes: number; writers: number; recordsPerCall: number }[]
  expect(cells.map((cell) => [cell.payloadBytes, cell.writers, cell.recordsPerCall])).toEqual(
    [128, 2048].flatMap((payload) => [1, 100].map((records) => [payload, 1, records])),
  )
  expect(report.latencies.map((one: { peer: string }) => one.peer)).toEqual(
    [128, 2048].flatMap(() => ['node loop', 'O_DSYNC loop']),
  )
  for (const { ratio } of [...report.cells, ...report.latencies]) {
    expect(ratio.min).toBeGreaterThan(0)
  }
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('deliver applies its backlogs, prints a table, and leaves nothing behind', () => {
  const { status, stdout, left } = bench(
    'deliver',
    ...['--payload', '128,1024'],
    ...['--mib', '2'],
    ...['--records', '3000'],
    ...['--rounds', '1'],
    ...['--keys', '50'],
  )
  expect(stdout).toContain('A backlog over 50 keys, written by 256 writers')
  expect(stdout).toMatch(/128 B, order none +3,000 .*reached/)
  expect(stdout).toMatch(/1 KiB, order key +2,048 .*reached/)
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('lag measures with and without a slow target, and tells what that one took', () => {
  const { status, stdout, left } = bench(
    'lag',
    '--json',
    ...['--mib', '2'],
    ...['--writers', '8'],
    ...['--seconds', '0.2'],
    ...['--rounds', '1'],
  )
  const report = JSON.parse(stdout)
  expect(report.without.slowPerSecond.max).toBe(0)
  expect(report.with.slowPerSecond.min).toBeGreaterThan(0)
  expect(report.ratio.median).toBe(
    report.with.recordsPerSecond.median / report.without.recordsPerSecond.median,
  )
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('delay keeps its records pending, and sees those that fall due come, none of them early', () => {
  const { status, stdout, left } = bench(
    'delay',
    '--json',
    ...['--records', '3000'],
    ...['--due', '500'],
    ...['--writes', '200'],
    ...['--seconds', '1'],
    ...['--lead', '5'],
  )
  const report = JSON.parse(stdout)
  expect(report.lateness).toMatchObject({ records: 500, early: 0 })
  expect(report.lateness.written).toBeGreaterThan(0)
  expect(report.idle.rssBytes).toBeGreaterThan(report.idle.heapBytes)
  expect(report.goals).toHaveLength(5)
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('open reads the whole log in each round, from memory at least', () => {
  const { status, stdout, left } = bench('open', '--json', '--mib', '4', '--rounds', '2')
  const report = JSON.parse(stdout)
  expect(report.records).toBe(4096)
  expect(report.fileBytes).toBeGreaterThan(4 * 1024 * 1024)
  const memory = report.sources.find((one: { source: string }) => one.source === 'memory')
  expect(memory.rounds).toHaveLength(2)
  expect(memory.createMs.min).toBeGreaterThan(0)
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('growth gives short logs more rounds, and draws what it found', () => {
  const picture = join(mkdtempSync(join(tmpdir(), 'bench-growth-')), 'growth.svg')
  try {
    const { status, stdout, left } = bench(
      'growth',
      '--json',
      ...['--records', '100,1000'],
      ...['--picture', picture],
    )
    const report = JSON.parse(stdout)
    const rounds = report.sizes.map((one: { rounds: unknown[] }) => one.rounds.length)
    expect(rounds).toEqual([3, 1])
    for (const { diskBytesPerRecord } of report.sizes) {
      expect(diskBytesPerRecord.min).toBeGreaterThan(100)
    }
    expect(readFileSync(picture, 'utf8')).toContain('records in the log')
    expect({ status, left }).toEqual({ status: 0, left: [] })
  } finally {
    rmSync(dirname(picture), { recursive: true })
  }
}, 120_000)

test.each([
  [['append', '--rounds', '0'], '--rounds is 0; it must be a whole number from 1 to 1000'],
  [['append', '--keys', '5'], 'Unknown option `--keys`'],
  [['deliver', '--mib', 'lots'], '--mib is "lots"'],
  [['append-matrix', '--writers', '1,0'], '--writers is "1,0"; each number of it'],
])('refuses %j in one line', (args, message) => {
  const { status, stderr } = bench(...args)
  expect(stderr).toMatch(/^bench: .*\n$/)
  expect(stderr).toContain(message)
  expect(status).toBe(1)
})

test('transaction prints one JSON object with its ratios and goal, and leaves nothing behind', () => {
  const { status, stdout, left } = bench(
    'transaction',
    '--json',
    ...['--rounds', '1'],
    ...['--mutations', '300'],
  )
  const report = JSON.parse(stdout)
  expect(report.options).toMatchObject({ rounds: 1, mutations: 300, size: 100 })
  expect(report.oneByOne.ratio.median).toBeGreaterThan(0)
  expect(report.inBatches.ratio.median).toBeGreaterThan(0)
  expect(report).toMatchObject({ benchmark: 'transaction', goal: 0.5 })
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

test('regions prints one JSON object with the lag of both sides, and leaves nothing behind', () => {
  const { status, stdout, left } = bench(
    'regions',
    '--json',
    ...['--rounds', '1'],
    ...['--seconds', '0.2'],
    ...['--writes', '300'],
  )
  const report = JSON.parse(stdout)
  expect(report.options).toMatchObject({ rounds: 1, regions: 2, writesPerSecond: 300 })
  for (const side of [report.wal, report.bare]) {
    expect(side.durableP50Ms.median).toBeGreaterThan(0)
    expect(side.lagP50Ms.median).toBeGreaterThan(side.durableP50Ms.median)
    expect(side.lagP99Ms.median).toBeGreaterThanOrEqual(side.lagP50Ms.median)
  }
  expect(report.ratio.p50.median).toBeGreaterThan(0)
  expect({ status, left }).toEqual({ status: 0, left: [] })
}, 120_000)

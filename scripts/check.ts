// node scripts/check.ts [--without STEP] [STEP …]
//
// Runs every step of `npm test`, or the ones named, and ends with a table of how each went.

import { mkdirSync, rmSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { countTests, failuresIn, triedAgainIn } from './check/count-tests.ts'
import { runStep, signalRunning } from './check/run-step.ts'
import { type Step, steps } from './check/steps.ts'
import { named } from './command.ts'
import { type NotRun, notRunTable, readNotRun } from './integration/not-run.ts'

interface Line {
  readonly step: Step
  readonly result: 'passed' | 'FAILED' | 'not run'
  readonly seconds: number
  readonly remark: string
}

const root = dirname(import.meta.dirname)
const cache = join('node_modules', '.cache', 'daybook')
const chosen = chooseSteps(process.argv.slice(2))
let interruptedBy: NodeJS.Signals | undefined

if (chosen === undefined) {
  process.exitCode = 2
} else {
  // Hundreds of processes are started that load the same sources: half of that time is compiling them.
  process.env['NODE_COMPILE_CACHE'] ??= join(root, cache, 'compiled')
  process.env['DAYBOOK_SEED'] ??= String(Math.floor(Math.random() * 2 ** 31))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruptedBy = signal
      signalRunning(signal)
    })
  }
  process.exitCode = await main(chosen)
}

async function main(chosen: readonly Step[]): Promise<number> {
  mkdirSync(join(root, cache), { recursive: true })
  const lines = await takeAll(chosen)
  if (interruptedBy !== undefined) return 128 + constants.signals[interruptedBy]
  printSummary(lines)
  return lines.every((line) => line.result === 'passed') ? 0 : 1
}

/**
 * Takes the steps in their order: those that show nothing as they run two at a time, as each of them has use for
 * one core, and then the suites one by one.
 */
async function takeAll(chosen: readonly Step[]): Promise<readonly Line[]> {
  const lines = new Map<Step, Promise<Line>>()
  const takeFrom = async (left: Iterator<Step>): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next()) {
      if (interruptedBy !== undefined) return
      const step = next.value
      const needed = [...lines].find(([{ name }]) => name === step.needs)
      lines.set(step, take(step, needed?.[1]))
      await lines.get(step)
    }
  }
  const quiet = chosen.filter(({ live }) => !live).values()
  await Promise.all([takeFrom(quiet), takeFrom(quiet)])
  await takeFrom(chosen.filter(({ live }) => live).values())
  return Promise.all(lines.values())
}

/** Takes one step, unless the one that it builds on has failed. */
async function take(step: Step, needed: Promise<Line> | undefined): Promise<Line> {
  const before = await needed
  if (before !== undefined && before.result !== 'passed') {
    return { step, result: 'not run', seconds: 0, remark: `needs ${before.step.name}` }
  }
  console.log(`\n── ${step.name}: ${step.about}`)
  for (const file of [step.report, step.notRun]) {
    if (file !== undefined) rmSync(join(root, file), { force: true })
  }
  const started = performance.now()
  const ending = await runStep(root, step)
  const seconds = (performance.now() - started) / 1000
  const left = ending.leftBehind.length > 0 ? [`left behind: ${named(ending.leftBehind)}`] : []
  if (ending.passed) return { step, result: 'passed', seconds, remark: left.join('') }
  if (ending.output !== '') console.log(`\n${step.name} FAILED:\n${ending.output.trimEnd()}`)
  const again = `again: npm test -- ${step.name}`
  const remark = [ending.reason ?? [], left, again].flat().join('; ')
  return { step, result: 'FAILED', seconds, remark }
}

function printSummary(lines: readonly Line[]): void {
  const width = Math.max(...lines.map((line) => line.step.name.length))
  console.log(`\n${'step'.padEnd(width)}  result   seconds`)
  for (const { step, result, seconds, remark } of lines) {
    const figures = `${result.padEnd(7)}  ${seconds.toFixed(1).padStart(7)}`
    console.log(`${step.name.padEnd(width)}  ${figures}  ${remark}`.trimEnd())
  }
  const notRun = suitesNotRun(lines)
  if (notRun.length > 0) console.log(`\n${notRunTable(notRun)}`)
  const reports = lines.flatMap(({ step }) => (step.report === undefined ? [] : [step.report]))
  if (reports.length === 0) return
  const paths = reports.map((report) => join(root, report))
  const { passed, failed } = countTests(paths)
  for (const test of triedAgainIn(paths)) console.log(`\nPASSED WHEN TRIED AGAIN ${test}`)
  for (const failure of failuresIn(paths)) console.log(`\nFAILED ${failure}`)
  console.log(`\nseed ${process.env['DAYBOOK_SEED']} (DAYBOOK_SEED replays a run)`)
  // In CI, where a suite that cannot be run has failed its step, it counts.
  const missed = suitesNotRun(lines.filter(({ result }) => result === 'FAILED')).length
  console.log(`${passed} passed, ${failed + missed} failed`)
}

/** What steps say that this machine could not run. */
function suitesNotRun(lines: readonly Line[]): readonly NotRun[] {
  const files = lines.flatMap(({ step }) => step.notRun ?? [])
  return files.flatMap((file) => readNotRun(join(root, file)))
}

/** The steps that the arguments name: all without any. Undefined, with a message, if one is unknown. */
function chooseSteps(args: string[]): readonly Step[] | undefined {
  const all = steps(cache)
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { without: { type: 'string', multiple: true, default: [] } },
  })
  const names = new Set(all.map((step) => step.name))
  const unknown = [...positionals, ...values.without].filter((name) => !names.has(name))
  if (unknown.length > 0) {
    console.error(`No step named ${unknown.join(', ')}. There are: ${[...names].join(', ')}`)
    return undefined
  }
  const wanted = positionals.length === 0 ? names : new Set(positionals)
  return all.filter((step) => wanted.has(step.name) && !values.without.includes(step.name))
}

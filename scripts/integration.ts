// node scripts/integration.ts [--report FILE] [--not-run FILE] [WORD …]
//
// Runs the suites that need real servers, or those whose path has one of the words: starts the servers
// that they need, runs them, and takes away every server that was not there before, also after a
// failure or Ctrl-C. Suites that share no server run side by side. In CI a suite that cannot run is a
// failure; elsewhere it is named at the end.

import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { lacks } from '../services/src/doctor.ts'
import { removeWhatComes } from '../services/src/removal.ts'
import type { ServerName } from '../services/src/servers/index.ts'
import { service } from '../services/src/service.ts'
import { named, runCommand } from './command.ts'
import { type Group, groupSuites, runGroups } from './integration/groups.ts'
import { type NotRun, notRunTable, writeNotRun } from './integration/not-run.ts'
import { Provider } from './integration/provider.ts'
import { mergeReports } from './integration/reports.ts'
import { findSuites, type Suite, serverOf } from './integration/suites.ts'
import { toolScript } from './tools.mjs'

/** Most of what suites do is waiting: for a time-out, for a server that starts again. */
const groupsAtOnce = 3

/** More than twice of what the largest takes beside another. */
const groupLimitMs = 15 * 60_000

const root = dirname(import.meta.dirname)
const isCi = !['', 'false', undefined].includes(process.env['CI'])
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { report: { type: 'string' }, 'not-run': { type: 'string' } },
})

// For servers that are started here, and by the tests.
process.env['DAYBOOK_BRIEF_SERVERS'] = '1'

const remove = removeWhatComes()
const running = new Set<ChildProcess>()
const provider = new Provider({
  isCi,
  lacks: (name) => lacks(name).map(({ what }) => what),
  start,
  failed(name, reason) {
    if (interruptedBy === undefined) console.error(`\n${name} FAILED: ${reason}\n`)
    failed = true
  },
})
let failed = false
let interruptedBy: NodeJS.Signals | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interruptedBy = signal
    for (const child of running) child.kill(signal)
    // A start that is under way fails by this; what comes of it all the same is removed at the end.
    remove().catch(() => {})
  })
}
try {
  process.exitCode = await main()
} finally {
  await remove()
}

async function main(): Promise<number> {
  const suites = findSuites(root).filter(
    ({ path }) => positionals.length === 0 || positionals.some((word) => path.includes(word)),
  )
  const groups = groupSuites(suites)
  const reports = groups.map((_, at) => `${values.report}.${at}`)
  // What an earlier run left would be counted for a group that does not run now.
  for (const report of reports) rmSync(report, { force: true })
  await runGroups(groups, groupsAtOnce, (group) => run(group, reports[groups.indexOf(group)] ?? ''))
  if (interruptedBy !== undefined) return 128 + constants.signals[interruptedBy]
  if (values.report !== undefined) mergeReports(reports, values.report)
  tell(suites)
  return failed ? 1 : 0
}

/** Starts what a group needs, and runs it where that came. */
async function run(group: Group, report: string): Promise<void> {
  if (interruptedBy !== undefined) return
  for (const need of group.needs) {
    const isThere = await provider.provide(serverOf(need))
    if (!isThere || interruptedBy !== undefined) return
  }
  if (!(await runTests(group, report))) failed = true
}

/** Starts a server; returns why it did not start. */
async function start(name: ServerName): Promise<string | undefined> {
  try {
    const report = (line: string): void => console.log(`${name}: ${line}`)
    const { address } = await service(name, { report })
    report(`answers at ${address}`)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Runs a group's suites, and prints what they said in one piece. */
async function runTests({ suites, needs }: Group, report: string): Promise<boolean> {
  const args = ['run', '--project', 'integration', '--reporter=default']
  if (values.report !== undefined) args.push('--reporter=json', `--outputFile.json=${report}`)
  args.push(...suites.map(({ path }) => path))
  console.log(`${suites.length} suites run with ${needs.join(', ')}`)
  let child: ChildProcess | undefined
  const ending = await runCommand([toolScript(root, 'vitest'), ...args], {
    ...{ root, live: false, limitMs: groupLimitMs },
    // What the tests start beside is removed at the end of all: another run has servers up meanwhile.
    env: { ...process.env, DAYBOOK_KEEP_SERVERS: '1' },
    started: (started) => {
      child = started
      running.add(started)
    },
  })
  if (child !== undefined) running.delete(child)
  process.stdout.write(`\n${ending.output}\n`)
  const name = needs.join(', ')
  if (ending.reason !== undefined) console.error(`The suites with ${name} ${ending.reason}\n`)
  if (ending.leftBehind.length > 0) {
    console.error(`The suites with ${name} left behind: ${named(ending.leftBehind)}\n`)
  }
  return ending.passed
}

/** Names what was not run, here or to whoever started this. */
function tell(suites: readonly Suite[]): void {
  const notRun = suites.flatMap(({ path, needs }): NotRun[] => {
    const why = provider.why(needs.map(serverOf))
    return why === '' ? [] : [{ suite: path, why }]
  })
  if (values['not-run'] !== undefined) writeNotRun(values['not-run'], notRun)
  else if (notRun.length > 0) console.log(`\n${notRunTable(notRun)}`)
}

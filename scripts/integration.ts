// node scripts/integration.ts [--report FILE] [--not-run FILE] [WORD …]
//
// Runs the suites that need real servers, or those whose path has one of the words: starts the servers
// that they need, runs them, and takes away every server that was not there before, also after a
// failure or Ctrl-C. In CI a suite that cannot run is a failure; elsewhere it is named at the end.

import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { lacks } from '../services/src/doctor.ts'
import { removeWhatComes } from '../services/src/removal.ts'
import type { ServerName } from '../services/src/servers/index.ts'
import { service } from '../services/src/service.ts'
import { type NotRun, notRunTable, writeNotRun } from './integration/not-run.ts'
import { findSuites, type Suite } from './integration/suites.ts'
import { toolScript } from './tools.mjs'

const root = dirname(import.meta.dirname)
const isCi = !['', 'false', undefined].includes(process.env['CI'])
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { report: { type: 'string' }, 'not-run': { type: 'string' } },
})

const remove = removeWhatComes()
let running: ChildProcess | undefined
let interruptedBy: NodeJS.Signals | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interruptedBy = signal
    running?.kill(signal)
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
  const absent = new Map<ServerName, string>()
  let failed = false
  for (const name of new Set(suites.flatMap(({ needs }) => needs))) {
    const lacking = isCi ? [] : lacks(name)
    if (lacking.length > 0) {
      absent.set(name, `${name} needs ${lacking.map(({ what }) => what).join(', ')}`)
      continue
    }
    const failure = await start(name)
    if (interruptedBy !== undefined) return 128 + constants.signals[interruptedBy]
    if (failure === undefined) continue
    failed = true
    absent.set(name, `${name} did not start`)
    console.error(`\n${name} FAILED: ${failure}\n`)
  }
  const runnable = suites.filter(({ needs }) => needs.every((name) => !absent.has(name)))
  if (runnable.length > 0) failed = !(await runTests(runnable)) || failed
  if (interruptedBy !== undefined) return 128 + constants.signals[interruptedBy]
  tell(suites, absent)
  return failed ? 1 : 0
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

async function runTests(suites: readonly Suite[]): Promise<boolean> {
  const args = ['run', '--project', 'integration', '--reporter=default']
  if (values.report !== undefined) {
    args.push('--reporter=json', `--outputFile.json=${values.report}`)
  }
  args.push(...suites.map(({ path }) => path))
  const child = spawn(process.execPath, [toolScript(root, 'vitest'), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  running = child
  const code = await new Promise((resolve) => child.on('error', resolve).on('close', resolve))
  running = undefined
  return code === 0
}

/** Names what was not run, here or to whoever started this. */
function tell(suites: readonly Suite[], absent: ReadonlyMap<ServerName, string>): void {
  const notRun = suites.flatMap(({ path, needs }): NotRun[] => {
    const why = needs.flatMap((name) => absent.get(name) ?? [])
    return why.length === 0 ? [] : [{ suite: path, why: why.join('; ') }]
  })
  if (values['not-run'] !== undefined) writeNotRun(values['not-run'], notRun)
  else if (notRun.length > 0) console.log(`\n${notRunTable(notRun)}`)
}

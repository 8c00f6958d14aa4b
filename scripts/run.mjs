// @ts-check
// node scripts/run.mjs COMMAND [ARGUMENT …]
//
// Sets the workspace up if it is not, then runs the command as pnpm would: with the workspace's own
// Node 24 and tools first on the PATH. Exit code and signals pass through. Runs on Node 20.

import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureInstalled, nodeBinary } from './setup.mjs'
import { SetupError, toolScript } from './tools.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

try {
  await ensureInstalled(root)
  const [command = 'node', ...args] = process.argv.slice(2)
  passOn(command, args)
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(error.message)
  process.exitCode = 1
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function passOn(command, args) {
  const node = nodeBinary(root)
  const bins = join(root, 'node_modules', '.bin')
  // The real binary comes before the script that stands for it in .bin, which passes on no signals.
  const path = [dirname(node), bins, process.env['PATH'] ?? ''].join(delimiter)
  const script = command === 'node' ? [] : [toolScript(root, command)]
  const child = spawn(node, [...script, ...args], {
    stdio: 'inherit',
    env: { ...process.env, PATH: path },
  })
  /** @type {NodeJS.Signals[]} */
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) {
    // A terminal sends Ctrl-C to every process of the group: sending it on would be a second one.
    const sentToAll = signal === 'SIGINT' && process.stdin.isTTY
    process.on(signal, () => sentToAll || child.kill(signal))
  }
  child.on('error', (error) => {
    console.error(`Cannot start ${command}: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code ?? 1
    else process.exitCode = 128 + (constants.signals[signal] ?? 0)
  })
}

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as process from './process.ts'
import type { Runner } from './runner.ts'

/** Runs servers as processes of this machine. */
export const processRunner: Runner = {
  start: async (server, place) => {
    await server.prepare(place)
    await process.startProcess(place.directory, server.command(place))
  },
  isRunning: ({ directory }) => process.processIn(directory) !== undefined,
  isPaused: ({ directory }) => process.isPaused(directory),
  stop: ({ directory }, limitMs) => process.stopProcess(directory, limitMs),
  kill: ({ directory }) => process.killProcess(directory),
  pause: ({ directory }) => process.signalProcess(directory, 'SIGSTOP'),
  resume: ({ directory }) => process.signalProcess(directory, 'SIGCONT'),
  log: ({ directory }) => {
    const file = process.logFile(directory)
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  },
  clear: ({ directory }) => rmSync(join(directory, 'data'), { recursive: true, force: true }),
  remove: ({ directory }) => {
    const log = process.logFile(directory)
    for (const name of readdirSync(directory)) {
      const path = join(directory, name)
      if (path !== log) rmSync(path, { recursive: true, force: true }) // the log says what went wrong
    }
  },
}

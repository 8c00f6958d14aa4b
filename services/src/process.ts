import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { descendants, outputFile, processState } from './process-table.ts'
import { waitUntil } from './wait-until.ts'

/** A program and its arguments. It runs in its instance's directory. */
export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

// A server runs in a process group of its own and outlives whoever started it. Its pid is in its
// directory, and it prints into the log there: a pid that some other program was given since is told
// by that.

/** The file that holds what a server in this directory prints. */
export const logFile = (directory: string): string => join(directory, 'log')

const pidFile = (directory: string): string => join(directory, 'pid')

/**
 * Starts a server in the background. The shell writes the pid before it becomes the server, so that
 * there is no instant at which a server runs that nobody can find.
 */
export async function startProcess(directory: string, command: Command): Promise<void> {
  const log = openSync(logFile(directory), 'a')
  try {
    const script = 'echo $$ > "$0" && exec "$@"'
    const args = ['-c', script, pidFile(directory), command.program, ...command.args]
    // Whoever looks for what a test has left behind does not find it: that is no server.
    const { DAYBOOK_STARTED_BY: _, ...env } = process.env
    const options = { cwd: directory, env, detached: true } as const
    const child = spawn('sh', args, { ...options, stdio: ['ignore', log, log] })
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    child.unref()
    const begun = (): boolean => child.exitCode !== null || readPid(directory) === child.pid
    await waitUntil(begun, 10_000, 5)
  } finally {
    closeSync(log)
  }
}

/** The pid of the server that runs in this directory, or undefined. */
export function processIn(directory: string): number | undefined {
  const pid = readPid(directory)
  if (pid === undefined) return undefined
  return outputFile(pid) === join(realpathSync(directory), 'log') ? pid : undefined
}

/** True where the server in this directory was stopped in its tracks (SIGSTOP). */
export function isPaused(directory: string): boolean {
  const pid = processIn(directory)
  return pid !== undefined && processState(pid) === 'T'
}

/** Sends a signal to the server and what it started. Nothing happens where none runs. */
export function signalProcess(directory: string, signal: NodeJS.Signals): void {
  const pid = processIn(directory)
  if (pid === undefined) return
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // gone in the meantime
  }
}

/** Asks the server to end, and ends it where it does not within the time. */
export async function stopProcess(directory: string, limitMs: number): Promise<void> {
  signalProcess(directory, 'SIGTERM')
  signalProcess(directory, 'SIGCONT') // one that is paused would never hear of it
  const gone = await waitUntil(() => processIn(directory) === undefined, limitMs, 20)
  if (!gone) await killProcess(directory)
}

/**
 * Ends the server at once, with no chance to write anything, and waits until it is gone. Those that it
 * started die with it: PostgreSQL's have groups of their own, and while one lives it cannot start again.
 */
export async function killProcess(directory: string): Promise<void> {
  const pid = processIn(directory)
  const started = pid === undefined ? [] : descendants(pid)
  signalProcess(directory, 'SIGKILL')
  for (const one of started) killIfThere(one)
  const gone = await waitUntil(() => processIn(directory) === undefined, 30_000, 20)
  if (!gone) throw new Error(`Process ${readPid(directory)} does not end, even by SIGKILL.`)
  // Its pid is taken until its parent has heard of its death: PostgreSQL then believes that it runs.
  await waitUntil(() => pid === undefined || processState(pid) === undefined, 5_000, 20)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // gone in the meantime
  }
}

function readPid(directory: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(pidFile(directory), 'utf8'), 10)
    return Number.isNaN(pid) ? undefined : pid
  } catch {
    return undefined // never started
  }
}

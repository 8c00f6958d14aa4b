import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { end, markFor, type Process, withMark } from './command/marked.ts'

/** How a command is run. */
export interface CommandOptions {
  readonly root: string
  /** True where its output is shown as it comes; otherwise it is kept. */
  readonly live: boolean
  /** After so long it is ended, and has failed. */
  readonly limitMs: number
  readonly env?: NodeJS.ProcessEnv
  /** It is told to end, and what it started need not. Default: a minute. */
  readonly graceMs?: number
  /** Called once it runs, for whoever passes signals on. */
  started?(child: ChildProcess): void
}

/** How a command ended. */
export interface CommandEnding {
  readonly passed: boolean
  /** What it printed, where that was kept. */
  readonly output: string
  /** Why it failed, where that is more than an exit code. */
  readonly reason?: string
  /** What it started, and left running. It was ended. */
  readonly leftBehind: readonly Process[]
}

/** What is still on its way through a pipe, or about to end by itself, gets so long, in ms. */
const settleMs = 2_000

/**
 * Runs a script in Node. It has ended when its process has: a process that it left behind may hold its
 * output open for ever, and is not waited for, but named and ended.
 */
export async function runCommand(
  args: readonly string[],
  { root, live, limitMs, env = process.env, graceMs = 60_000, started }: CommandOptions,
): Promise<CommandEnding> {
  const mark = markFor(env)
  const output = live ? 'inherit' : 'pipe'
  const child = spawn(process.execPath, args, {
    ...{ cwd: root, env: { ...env, ...mark.env } },
    stdio: ['ignore', output, output],
  })
  started?.(child)
  const said: Buffer[] = []
  for (const pipe of [child.stdout, child.stderr]) pipe?.on('data', (part) => said.push(part))
  const closed = new Promise((resolve) => child.once('close', resolve))
  let reason: string | undefined
  const exit = once(child, 'exit').catch((error: Error) => {
    reason = error.message
    return [1]
  })
  const limit = new AbortController()
  void sleep(limitMs, undefined, { signal: limit.signal }).then(
    async () => {
      reason = `ended after ${minutes(limitMs)}, while this ran: ${named(withMark(mark))}`
      child.kill('SIGTERM')
      await sleep(graceMs, undefined, { signal: limit.signal }).catch(() => {})
      child.kill('SIGKILL')
    },
    () => {},
  )
  const [code] = await exit
  limit.abort()
  const leftBehind = await endTheRest(mark)
  await Promise.race([closed, sleep(settleMs, undefined, { ref: false })])
  for (const pipe of [child.stdout, child.stderr]) pipe?.destroy()
  const ending = { passed: code === 0 && reason === undefined, leftBehind }
  const text = Buffer.concat(said).toString()
  return reason === undefined ? { ...ending, output: text } : { ...ending, output: text, reason }
}

/** Processes by their pids and command lines. */
export function named(processes: readonly Process[]): string {
  return processes.map(({ pid, command }) => `${pid} ${command}`).join('; ')
}

/** Ends what does not end by itself, and answers what that was. */
async function endTheRest(mark: ReturnType<typeof markFor>): Promise<readonly Process[]> {
  for (const latest = Date.now() + settleMs; Date.now() < latest; await sleep(50)) {
    if (withMark(mark).length === 0) return []
  }
  const rest = withMark(mark)
  for (const { pid } of rest) end(pid)
  return rest
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${ms / 1000} seconds` : `${ms / 60_000} minutes`
}

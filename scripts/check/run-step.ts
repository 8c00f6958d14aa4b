import { type ChildProcess, spawn } from 'node:child_process'
import { toolScript } from '../tools.mjs'
import type { Step } from './steps.ts'

/** How a step ended. `output` is what a quiet step printed. */
export interface Ending {
  readonly passed: boolean
  readonly output: string
  /** Why it failed, where that is more than an exit code. */
  readonly reason?: string
}

let running: ChildProcess | undefined

/** How long a command that has run out of time may take to clear up behind itself. */
const graceMs = 60_000

/** Sends a signal to the command that is running, if one is. */
export function signalRunning(signal: NodeJS.Signals): void {
  running?.kill(signal)
}

/** Runs a step's commands until one fails. */
export async function runStep(root: string, step: Step): Promise<Ending> {
  const deadline = Date.now() + step.limitMinutes * 60_000
  let output = ''
  for (const command of step.commands) {
    const ending = await runCommand(root, command, step, deadline)
    output += ending.output
    if (!ending.passed) return { ...ending, output }
  }
  return { passed: true, output }
}

function runCommand(
  root: string,
  [tool = 'node', ...args]: readonly string[],
  step: Step,
  deadline: number,
): Promise<Ending> {
  const script = tool === 'node' ? [] : [toolScript(root, tool)]
  const child = spawn(process.execPath, [...script, ...args], {
    cwd: root,
    stdio: ['ignore', step.live ? 'inherit' : 'pipe', step.live ? 'inherit' : 'pipe'],
  })
  running = child
  let output = ''
  let reason: string | undefined
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  let timer = setTimeout(() => {
    reason = `ended after ${step.limitMinutes} minutes`
    child.kill('SIGTERM')
    timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
  }, deadline - Date.now())
  return new Promise((resolve) => {
    const end = (passed: boolean): void => {
      clearTimeout(timer)
      running = undefined
      resolve(reason === undefined ? { passed, output } : { passed, output, reason })
    }
    child.on('error', (error) => {
      reason = error.message
      end(false)
    })
    child.on('close', (code) => end(code === 0))
  })
}

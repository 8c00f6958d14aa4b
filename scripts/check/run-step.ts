import type { ChildProcess } from 'node:child_process'
import { type CommandEnding, runCommand } from '../command.ts'
import { toolScript } from '../tools.mjs'
import type { Step } from './steps.ts'

let running: ChildProcess | undefined

/** Sends a signal to the command that is running, if one is. */
export function signalRunning(signal: NodeJS.Signals): void {
  running?.kill(signal)
}

/** Runs a step's commands until one fails. `output` is what a quiet step printed. */
export async function runStep(root: string, step: Step): Promise<CommandEnding> {
  const deadline = Date.now() + step.limitMinutes * 60_000
  let all: CommandEnding = { passed: true, output: '', leftBehind: [] }
  for (const [tool = 'node', ...args] of step.commands) {
    const script = tool === 'node' ? [] : [toolScript(root, tool)]
    const ending = await runCommand([...script, ...args], {
      ...{ root, live: step.live, limitMs: deadline - Date.now() },
      started: (child) => {
        running = child
      },
    })
    running = undefined
    all = {
      ...ending,
      output: all.output + ending.output,
      leftBehind: [...all.leftBehind, ...ending.leftBehind],
    }
    if (!ending.passed) return all
  }
  return all
}

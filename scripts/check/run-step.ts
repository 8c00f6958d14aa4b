import type { ChildProcess } from 'node:child_process'
import { type CommandEnding, runCommand } from '../command.ts'
import { toolScript } from '../tools.mjs'
import type { Step } from './steps.ts'

const running = new Set<ChildProcess>()

/** Sends a signal to the commands that are running. */
export function signalRunning(signal: NodeJS.Signals): void {
  for (const child of running) child.kill(signal)
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
        running.add(child)
        child.once('exit', () => running.delete(child))
      },
    })
    all = {
      ...ending,
      output: all.output + ending.output,
      leftBehind: [...all.leftBehind, ...ending.leftBehind],
    }
    if (!ending.passed) return all
  }
  return all
}

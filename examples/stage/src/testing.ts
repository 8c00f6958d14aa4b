import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

/** What an example said gets so long to arrive once it has ended, in ms. */
const settleMs = 2_000

/**
 * Runs an example's program to its end, and answers how it ended and what it said. It ends with the test:
 * one that had no more time leaves none behind. A process that the program left behind is not waited for.
 */
export async function runExample(
  main: string,
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly output: string }> {
  // The warning is about a timer of kafkajs. The scripts that run the demos leave it out as well.
  const flags = ['--conditions=source', '--disable-warning=TimeoutNegativeWarning']
  const child = spawn(process.execPath, [...flags, main, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Without colours, so that what it says can be compared.
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const said: Buffer[] = []
  child.stdout.on('data', (part) => said.push(part))
  const closed = once(child, 'close')
  const [code] = await once(child, 'exit')
  await Promise.race([closed, sleep(settleMs, undefined, { ref: false })])
  child.stdout.destroy()
  return { code, output: Buffer.concat(said).toString() }
}

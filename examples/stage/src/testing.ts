import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

/** Runs an example's program to its end, and answers how it ended and what it said. */
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
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { code, output }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Configuration } from '../configuration.ts'
import type { Command, RegionLine } from '../region-line.ts'

const script = fileURLToPath(new URL('../region.ts', import.meta.url))

/** Exit code and signal: one of them is null. */
type Ending = [code: number | null, signal: NodeJS.Signals | null]

/** Whatever ends this process, it leaves none of them behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A region as a process of its own. */
export class RegionProcess {
  readonly name: string
  readonly #child: ReturnType<typeof start>
  readonly #closed: Promise<Ending>
  readonly #seen = new Set<RegionLine['event']>()

  /** Starts it, with its configuration in a file of that directory. Each line is told as it comes. */
  constructor(configuration: Configuration, directory: string, onLine: (line: RegionLine) => void) {
    this.name = configuration.region.name
    const file = join(directory, `${this.name}.json`)
    writeFileSync(file, JSON.stringify(configuration, null, 2))
    const child = start(file)
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (text) => {
      // The last line of a killed process may have been cut.
      if (!text.endsWith('}')) return
      const line: RegionLine = JSON.parse(text)
      this.#seen.add(line.event)
      onLine(line)
    })
    // What is said to one that is dying is not heard, and no failure.
    child.stdin.on('error', () => {})
    // 'close' comes after 'exit', once all that it printed has been read.
    this.#closed = once(child, 'close') as Promise<Ending>
    running.add(child)
    void this.#closed.then(() => running.delete(child))
  }

  /** Whether it has said this since it was last told to. Throws if it ended by itself. */
  hasSaid(event: RegionLine['event']): boolean {
    const { exitCode, signalCode } = this.#child
    if (exitCode === null && signalCode === null) return this.#seen.has(event)
    throw new Error(`${this.name} ended by itself (${signalCode ?? `exit code ${exitCode}`})`)
  }

  command(command: Command): void {
    this.#seen.delete(command === 'drain' ? 'drained' : 'quiet')
    this.#child.stdin.write(`${command}\n`)
  }

  /** Ends it without warning; resolves with the signal it died of. */
  async kill(): Promise<NodeJS.Signals | null> {
    this.#child.kill('SIGKILL')
    const [, signal] = await this.#closed
    return signal
  }

  /** Has it close; resolves with its exit code. */
  async close(): Promise<number | null> {
    this.#child.stdin.end()
    const [code] = await this.#closed
    return code
  }
}

function start(file: string) {
  return spawn(process.execPath, [...process.execArgv, script, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

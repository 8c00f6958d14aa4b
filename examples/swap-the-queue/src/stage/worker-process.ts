import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Configuration } from '../configuration.ts'
import type { WorkerLine } from '../worker-line.ts'
import type { Acknowledged } from './check.ts'

const script = fileURLToPath(new URL('../worker.ts', import.meta.url))

/** Exit code and signal: one of them is null. */
type Ending = [code: number | null, signal: NodeJS.Signals | null]

/** Whatever ends this process, it leaves none of them behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A worker as a process of its own. */
export class WorkerProcess {
  readonly configuration: Configuration
  /** What it has called durable. */
  readonly acknowledged: Acknowledged[] = []
  /** What it has complained of, for when things go wrong. */
  readonly complaints: string[] = []
  readonly #child: ChildProcess
  #isReady = false
  readonly #closed: Promise<Ending>

  /** Starts it, with its configuration in a file of that directory. */
  constructor(configuration: Configuration, directory: string) {
    this.configuration = configuration
    const file = join(directory, `${configuration.name}.json`)
    writeFileSync(file, JSON.stringify(configuration, null, 2))
    // The warning is about a timer of kafkajs.
    const flags = [...process.execArgv, '--disable-warning=TimeoutNegativeWarning']
    const child = spawn(process.execPath, [...flags, script, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // What the SDK wants to have found; the local server looks at neither.
      env: { AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any', ...process.env },
    })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (text) => this.#take(text))
    // 'close' comes after 'exit', once all that it printed has been read.
    this.#closed = once(child, 'close') as Promise<Ending>
    running.add(child)
    void this.#closed.then(() => running.delete(child))
  }

  get name(): string {
    return this.configuration.name
  }

  /** True once it takes part. Throws if it ended by itself. */
  get isReady(): boolean {
    const { exitCode, signalCode } = this.#child
    if (exitCode === null && signalCode === null) return this.#isReady
    throw new Error(`${this.name} ended by itself (${signalCode ?? `exit code ${exitCode}`})`)
  }

  /** Ends it without warning; resolves with the signal it died of. */
  async kill(): Promise<NodeJS.Signals | null> {
    this.#child.kill('SIGKILL')
    const [, signal] = await this.#closed
    return signal
  }

  /** Asks it to close; resolves with its exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM')
    const [code] = await this.#closed
    return code
  }

  #take(text: string): void {
    // The last line of a killed process may have been cut.
    if (!text.endsWith('}')) return
    const line: WorkerLine = JSON.parse(text)
    if (line.event === 'ready') this.#isReady = true
    else if (line.event === 'error') this.complaints.push(line.message)
    else this.acknowledged.push({ ...line, version: BigInt(line.version) })
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LogLine } from '../event-log.ts'
import type { QueueConfiguration } from '../queue.ts'

const script = fileURLToPath(new URL('../service.ts', import.meta.url))

/**
 * The service as a process of its own: started, killed, started again. States: stopped → starting
 * (no address yet) → running (listening) → stopped.
 */
export class ServiceProcess {
  readonly #directory: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #onLine: (line: LogLine) => void
  #child: ChildProcess | undefined
  #address = Promise.withResolvers<URL>()
  #isUp = false

  constructor(
    directory: string,
    queue: QueueConfiguration | undefined,
    onLine: (line: LogLine) => void,
  ) {
    this.#directory = directory
    this.#environment = queue === undefined ? {} : { FILMS_QUEUE: JSON.stringify(queue) }
    this.#onLine = onLine
    // A demo that ends early, for whatever reason, leaves no process behind.
    process.once('exit', () => this.#child?.kill('SIGKILL'))
  }

  /** Resolves with the process id once the service takes requests. */
  async start(): Promise<number> {
    const child = spawn(process.execPath, [...process.execArgv, script, this.#directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
      // The SDK wants to find credentials; the local server does not look at them.
      env: {
        ...{ AWS_ACCESS_KEY_ID: 'any', AWS_SECRET_ACCESS_KEY: 'any' },
        ...process.env,
        ...this.#environment,
      },
    })
    this.#child = child
    const address = this.#address
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = parse(text)
      if (line === undefined) return
      if (line.event === 'listening') address.resolve(new URL(`http://127.0.0.1:${line.port}`))
      this.#onLine(line)
    })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`The service ended before it listened, with exit code ${code}`)
    })
    await Promise.race([address.promise, ended])
    this.#isUp = true
    // From here on its end is awaited by whoever brings it about.
    ended.catch(() => undefined)
    return child.pid ?? 0
  }

  /** True while it takes requests. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** Where the service listens; while it is down, waits until it is up again. */
  get address(): Promise<URL> {
    return this.#address.promise
  }

  /** Ends the process without warning, and resolves with the signal it died of. */
  async kill(): Promise<NodeJS.Signals | null> {
    const { signal } = await this.#end('SIGKILL')
    return signal
  }

  /** Asks the process to close its log and leave; resolves with its exit code. */
  async stop(): Promise<number | null> {
    const { code } = await this.#end('SIGTERM')
    return code
  }

  async #end(signal: NodeJS.Signals): Promise<ExitStatus> {
    const child = this.#child
    if (child === undefined) throw new Error('The service is not running')
    this.#address = Promise.withResolvers()
    this.#isUp = false
    // 'close' comes after 'exit', once all it printed has been read.
    const closed = once(child, 'close')
    child.kill(signal)
    const [code, died] = await closed
    this.#child = undefined
    return { code, signal: died }
  }
}

/** The last line of a killed process may have been cut. */
function parse(text: string): LogLine | undefined {
  return text.endsWith('}') ? JSON.parse(text) : undefined
}

interface ExitStatus {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

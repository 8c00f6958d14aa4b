import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** How a process came to its end. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it wrote to its standard error. */
  readonly complaints: string
}

export interface TestProcessOptions {
  readonly environment?: NodeJS.ProcessEnv
  /** A child that lives longer hangs, and is killed. Default a minute. */
  readonly longestLifeMs?: number
}

/**
 * A child of a test. It says where it is by lines on its standard output, written synchronously,
 * so that after its death the last line tells where it died.
 */
export class TestProcess {
  readonly lines: string[] = []
  /** Resolves after its death, once everything it said has been read. */
  readonly ended: Promise<ProcessEnd>
  readonly #child: ChildProcess
  readonly #listeners: (() => void)[] = []
  #hasEnded = false

  /** Runs a script; what it is told comes as JSON in its first argument. */
  constructor(script: string, task: object, options: TestProcessOptions = {}) {
    this.#child = spawn(process.execPath, [script, JSON.stringify(task)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', ...options.environment },
    })
    this.ended = this.#end(options.longestLifeMs ?? 60_000)
  }

  get pid(): number {
    return this.#child.pid ?? Number.NaN
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves with the first line that begins like this; undefined if it ends without one. */
  async line(beginning: string): Promise<string | undefined> {
    for (;;) {
      const found = this.lines.find((line) => line.startsWith(beginning))
      if (found !== undefined || this.#hasEnded) return found
      await new Promise<void>((resolve) => this.#listeners.push(resolve))
    }
  }

  async #end(longestLifeMs: number): Promise<ProcessEnd> {
    const { stdout, stderr } = this.#child
    if (stdout === null || stderr === null) throw new Error('a child without pipes')
    createInterface(stdout).on('line', (line) => {
      this.lines.push(line)
      this.#wake()
    })
    let complaints = ''
    stderr.on('data', (text) => {
      complaints += text
    })
    const hangs = setTimeout(() => {
      complaints += `(killed by the test: it hung for ${longestLifeMs} ms)`
      this.kill('SIGKILL')
    }, longestLifeMs)
    const [code, signal] = await once(this.#child, 'close')
    clearTimeout(hangs)
    this.#hasEnded = true
    this.#wake()
    return { code, signal, complaints }
  }

  #wake(): void {
    for (const wake of this.#listeners.splice(0)) wake()
  }
}

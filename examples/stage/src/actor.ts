import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What an actor can be asked for: functions by name. */
type Calls = Readonly<Record<string, (...args: never[]) => unknown>>

interface Question {
  readonly number: number
  readonly name: string
  readonly args: readonly unknown[]
}

/** What it answers, or an error's message; without a number: the actor is ready. */
interface Answer {
  readonly number?: number
  readonly value?: unknown
  readonly error?: string
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Whatever ends this process, it leaves none of them behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/**
 * A program of an example, as a process of its own that is asked to do things, and can be killed. The program
 * calls {@link act} with what it can be asked for.
 */
export class Actor<C extends Calls> {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #closed: Promise<readonly [code: number | null, signal: NodeJS.Signals | null]>
  readonly #ready = Promise.withResolvers<void>()
  #questions = 0

  /** Starts `script`, and resolves once it acts. `C` is the type of what it gives to `act`. */
  static async start<C extends Calls>(script: URL, ...args: readonly string[]): Promise<Actor<C>> {
    const actor = new Actor<C>(script, args)
    await actor.#ready.promise
    return actor
  }

  private constructor(script: URL, args: readonly string[]) {
    const options = { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }
    const child = fork(script, args, options as Parameters<typeof fork>[2])
    this.#child = child
    running.add(child)
    child.on('message', (answer) => this.#take(answer as Answer))
    child.on('error', () => {}) // a question that a dying process cannot take any more
    this.#closed = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    void this.#closed.then(([code, signal]) => this.#buried(signal ?? `exit code ${code}`))
  }

  /** Asks for something. Rejects with what it throws, or if it dies before it has answered. */
  ask<N extends keyof C & string>(
    name: N,
    ...args: Parameters<C[N]>
  ): Promise<Awaited<ReturnType<C[N]>>> {
    const number = ++this.#questions
    return new Promise((resolve, reject) => {
      this.#waiting.set(number, { resolve: resolve as (value: unknown) => void, reject })
      const question: Question = { number, name, args }
      this.#child.send(question as object as Parameters<ChildProcess['send']>[0])
    })
  }

  /** Ends it without warning; resolves with the signal it died of. */
  async kill(): Promise<NodeJS.Signals | null> {
    this.#child.kill('SIGKILL')
    const [, signal] = await this.#closed
    return signal
  }

  /** Has it close, and resolves with its exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.connected) this.#child.disconnect()
    const [code] = await this.#closed
    return code
  }

  #take({ number, value, error }: Answer): void {
    if (number === undefined) {
      this.#ready.resolve()
      return
    }
    const waiting = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  }

  #buried(how: string): void {
    running.delete(this.#child)
    const error = new Error(`It ended (${how}) before it answered`)
    this.#ready.promise.catch(() => {})
    this.#ready.reject(error)
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** Called by an actor's program: answers until it is told to close, or whoever started it is gone. */
export function act(calls: Calls, close: () => Promise<void>): void {
  const answer = (message: Answer): void => void process.send?.(message)
  process.on('message', async ({ number, name, args }: Question) => {
    try {
      answer({ number, value: await calls[name]?.(...(args as never[])) })
    } catch (error) {
      answer({ number, error: (error as Error).message })
    }
  })
  process.once('disconnect', () => void close())
  // Ctrl-C reaches it too. It goes when whoever started it has gone.
  process.on('SIGINT', () => {})
  answer({})
}

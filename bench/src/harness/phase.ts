import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { addChildCpuMs, ownCpuMs } from './cpu-time.ts'

/**
 * Work that runs in a process of its own, so that its memory, its compiled code and its caches are
 * nobody else's. Both tasks and results must survive a structured clone.
 */
export interface Phase<T, R> {
  /** The module that made it, and that a child runs. */
  readonly module: string
  readonly run: (task: T) => Promise<R>
}

/** What a child answers. */
type Answer<R> = Ending<R> & { readonly cpuMs: number }
type Ending<R> = { readonly result: R } | { readonly error: string }

/**
 * Makes a phase of a function. To be called once in a module, with its `import.meta.url`: the same
 * module is what the child runs, and there this call waits for the task and answers it.
 */
export function phase<T, R>(moduleUrl: string, run: (task: T) => Promise<R>): Phase<T, R> {
  const module = fileURLToPath(moduleUrl)
  if (process.send !== undefined && process.argv[1] === module) answerParent(run)
  return { module, run }
}

/**
 * Runs a phase in a child of this process, which has `gc()`. Rejects with the child's error, or if
 * it ends without an answer. The child does not outlive this process, however that ends.
 */
export async function inChild<T, R>({ module }: Phase<T, R>, task: T): Promise<R> {
  const child = fork(module, {
    execArgv: [...process.execArgv, '--conditions=source', '--expose-gc'],
    serialization: 'advanced',
  })
  const kill = (): void => void child.kill('SIGKILL')
  // Before others that wait for the exit: they may be about to remove what the child writes to.
  process.prependOnceListener('exit', kill)
  try {
    child.send({ task })
    return await answerOf<R>(child)
  } finally {
    process.off('exit', kill)
    kill()
  }
}

async function answerOf<R>(child: ChildProcess): Promise<R> {
  let answer: Answer<R> | undefined
  child.once('message', (message: Answer<R>) => {
    answer = message
  })
  const [code, signal] = await once(child, 'exit')
  if (answer === undefined) {
    throw new Error(`a child process ended with ${signal ?? `exit code ${code}`} and no answer`)
  }
  addChildCpuMs(answer.cpuMs)
  if ('error' in answer) throw new Error(answer.error)
  return answer.result
}

function answerParent<T, R>(run: (task: T) => Promise<R>): void {
  process.once('disconnect', () => process.exit(1))
  process.once('message', ({ task }: { readonly task: T }) => {
    const ending = run(task).then(
      (result): Ending<R> => ({ result }),
      (error: unknown): Ending<R> => ({
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    )
    void ending.then((result) => {
      const answer: Answer<R> = { ...result, cpuMs: ownCpuMs() }
      process.send?.(answer, () => process.exit())
    })
  })
}

import { Worker } from 'node:worker_threads'
import { diskThreadSource } from './disk-thread-source.ts'
import type { DiskCall } from './disk-threads.ts'

/** A call of one of fs's functions, and who waits for it. */
export interface DiskJob {
  readonly name: DiskCall
  readonly args: readonly unknown[]
  resolve(value: unknown): void
  reject(error: Error): void
}

type Answer = { readonly value: unknown } | (Partial<NodeJS.ErrnoException> & { message: string })

/**
 * One thread that makes blocking calls to the file system, one at a time. It keeps the process
 * alive only while it is at work.
 */
export class DiskThread {
  readonly #worker: Worker
  /** Counts the jobs. The thread sleeps until it changes. */
  readonly #bell: Int32Array
  readonly #onIdle: (thread: DiskThread) => void
  #job: DiskJob | undefined

  private constructor(worker: Worker, bell: Int32Array, onIdle: (thread: DiskThread) => void) {
    this.#worker = worker
    this.#bell = bell
    this.#onIdle = onIdle
  }

  /**
   * Resolves once it is ready for a job; rejects if it cannot be started. `onIdle` is called after
   * each job. `onEnd` is called should the thread end by itself, which it is not meant to; a job it
   * had is rejected then.
   */
  static start(
    onIdle: (thread: DiskThread) => void,
    onEnd: (thread: DiskThread) => void,
  ): Promise<DiskThread> {
    return new Promise((resolve, reject) => {
      const bell = new Int32Array(new SharedArrayBuffer(4))
      // No hooks, loaders or profilers of the process: it has to be small, and is nobody's business.
      const options = {
        eval: true,
        workerData: bell,
        execArgv: [],
        env: {},
        trackUnmanagedFds: false,
      }
      const worker = new Worker(diskThreadSource, { ...options, name: 'daybook disk' })
      const thread = new DiskThread(worker, bell, onIdle)
      worker.once('message', () => {
        worker.unref()
        worker.on('message', (answer: Answer) => thread.#finish(answer))
        resolve(thread)
      })
      worker.once('error', reject)
      worker.once('exit', () => {
        const error = new Error('The thread that writes to the disk has ended.')
        reject(error)
        onEnd(thread)
        thread.#take()?.reject(error)
      })
    })
  }

  /** To be called only when it has no job. */
  run(job: DiskJob): void {
    this.#job = job
    this.#worker.ref()
    this.#worker.postMessage([job.name, ...job.args.map(copied)])
    Atomics.add(this.#bell, 0, 1)
    Atomics.notify(this.#bell, 0)
  }

  #finish(answer: Answer): void {
    const job = this.#take()
    this.#worker.unref()
    this.#onIdle(this)
    if ('value' in answer) job?.resolve(answer.value)
    else job?.reject(Object.assign(new Error(answer.message), answer))
  }

  #take(): DiskJob | undefined {
    const job = this.#job
    this.#job = undefined
    return job
  }
}

/**
 * What is posted is copied with all of the memory that it is a view on, so a part of a large buffer
 * is copied alone before that.
 */
function copied(arg: unknown): unknown {
  return Array.isArray(arg) ? arg.map((part: Uint8Array) => new Uint8Array(part)) : arg
}

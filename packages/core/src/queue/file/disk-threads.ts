import { reasonOf } from '../../error-text.ts'
import { type DiskJob, DiskThread } from './disk-thread.ts'
import { fsCall } from './fs-call.ts'

/** Starts a thread: see `DiskThread.start`. */
export type StartDiskThread = typeof DiskThread.start

/** Calls that a write to the log waits for. */
export type DiskCall = 'writev' | 'fdatasync'

/** As many as Node's own pool has: a disk does several syncs at once in hardly more time than one. */
const mostThreads = 4

/** So many jobs in a row must have found no idle thread before there is another: each takes 9 MB. */
const patience = 64

/**
 * Threads of this process's own that make blocking calls to the disk. The first is started by the
 * first call. Where none can be started Node's pool makes the calls, and a process warning says so.
 */
export class DiskThreads {
  readonly #startThread: StartDiskThread
  /** Those that are ready. */
  readonly #threads = new Set<DiskThread>()
  readonly #idle: DiskThread[] = []
  readonly #waiting: DiskJob[] = []
  #starting = false
  /** True once no thread can be had. */
  #none = false
  #waitsInARow = 0

  constructor(startThread: StartDiskThread = DiskThread.start) {
    this.#startThread = startThread
  }

  /** Like `fsCall`. */
  run<T>(name: DiskCall, args: readonly unknown[]): Promise<T> {
    if (this.#none) return fsCall<T>(name, ...args)
    return new Promise<unknown>((resolve, reject) => {
      const job = { name, args, resolve, reject }
      const thread = this.#idle.pop()
      if (thread === undefined) this.#wait(job)
      else {
        this.#waitsInARow = 0
        thread.run(job)
      }
    }) as Promise<T>
  }

  #wait(job: DiskJob): void {
    this.#waiting.push(job)
    this.#waitsInARow += 1
    const isFirst = this.#threads.size === 0
    const isSlow = this.#waitsInARow >= patience && this.#threads.size < mostThreads
    if (!this.#starting && (isFirst || isSlow)) void this.#start()
  }

  async #start(): Promise<void> {
    this.#starting = true
    this.#waitsInARow = 0
    try {
      const thread = await this.#startThread(
        (idle) => this.#next(idle),
        (ended) => this.#forget(ended),
      )
      this.#threads.add(thread)
      this.#next(thread)
    } catch (error) {
      if (this.#threads.size === 0) this.#giveUp(error)
    } finally {
      this.#starting = false
    }
  }

  #next(thread: DiskThread): void {
    const job = this.#waiting.shift()
    if (job === undefined) this.#idle.push(thread)
    else thread.run(job)
  }

  #forget(ended: DiskThread): void {
    this.#threads.delete(ended)
    if (this.#idle.includes(ended)) this.#idle.splice(this.#idle.indexOf(ended), 1)
    const isNeeded = this.#waiting.length > 0 && this.#threads.size === 0
    if (isNeeded && !this.#starting) void this.#start()
  }

  #giveUp(cause: unknown): void {
    this.#none = true
    const reason = reasonOf(cause)
    process.emitWarning(
      "Node's thread pool is busy, and no thread could be started to keep writes to the log out of " +
        `it (${reason}). They wait for the other work in the pool.`,
      { type: 'DaybookWarning', code: 'DAYBOOK_NO_DISK_THREAD' },
    )
    for (const { name, args, resolve, reject } of this.#waiting.splice(0)) {
      fsCall<unknown>(name, ...args).then(resolve, reject)
    }
  }
}

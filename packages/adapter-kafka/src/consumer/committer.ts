import type { Clock, Timer } from '@daybook/core'
import type { KafkaCommit } from '../kafka-client.ts'

/** What a committer needs of its consumer. */
export interface CommitterOptions {
  readonly clock: Clock
  /** What is to be committed now, and only of partitions that are owned. Empty: nothing. */
  collect(): readonly KafkaCommit[]
  commit(commits: readonly KafkaCommit[]): Promise<void>
  /** True for a failure that a handover brings with it, and that its end mends. */
  isPassing(error: unknown): boolean
  /** A commit failed, and is tried again. Told once for failures in a row; of passing ones only if they stay. */
  failed(error: unknown): void
}

/** Acks are gathered for so long, in ms. */
const gatherMs = 20

const longestWaitMs = 5_000

/** How long the last commit may take, in ms. */
const lastCommitMs = 5_000

/** Passing failures in a row that are no news; with the waits between, some six seconds. */
const passingFailures = 5

/** Commits one after the other, and as much as may be with each. */
export class Committer {
  readonly #options: CommitterOptions
  #underWay: Promise<void> | undefined
  #following: Promise<void> | undefined
  #timer: Timer | undefined
  #failures = 0
  #isTold = false
  #closed = false

  constructor(options: CommitterOptions) {
    this.#options = options
  }

  /** There will be something to commit before long. */
  soon(delayMs: number = gatherMs): void {
    if (this.#closed) return
    this.#timer ??= this.#options.clock.setTimer(delayMs, () => {
      this.#timer = undefined
      void this.now()
    })
  }

  /** Resolves after a commit that has all that is there at the call, though perhaps it failed. */
  now(): Promise<void> {
    if (this.#underWay === undefined) return this.#start()
    this.#following ??= this.#underWay.then(() => {
      this.#following = undefined
      return this.#start()
    })
    return this.#following
  }

  /** A last commit, and none after it. A broker that says nothing is not waited for: what it does not store is given again. */
  async close(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = this.#options.clock.setTimer(lastCommitMs, resolve)
    await Promise.race([this.now(), late])
    timer.cancel()
    this.#closed = true
    this.#timer?.cancel()
  }

  #start(): Promise<void> {
    this.#underWay = this.#run().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async #run(): Promise<void> {
    if (this.#closed) return
    const commits = this.#options.collect()
    if (commits.length === 0) return
    try {
      await this.#options.commit(commits)
      this.#failures = 0
      this.#isTold = false
    } catch (error) {
      this.#failures++
      this.#tell(error)
      this.soon(Math.min(longestWaitMs, 100 * 2 ** this.#failures))
    }
  }

  #tell(error: unknown): void {
    if (this.#isTold) return
    if (this.#options.isPassing(error) && this.#failures <= passingFailures) return
    this.#isTold = true
    this.#options.failed(error)
  }
}

import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from '@platformatic/kafka'
import type { KafkaPlace } from '../kafka-client.ts'
import { UnsentError } from '../kafka-errors.ts'
import { end } from './produce.ts'

/** What becomes of one batch, from when a sender is given it until it is stored or given up. */
export class Trial {
  readonly #what: string
  readonly #ending = new AbortController()
  readonly #givenUp = Promise.withResolvers<never>()
  /** True once something of it may have reached a broker. */
  #isSent = false
  /** Over which its request is under way. */
  #connection: Connection | undefined
  /** Why the last try came to nothing. */
  #failure: unknown

  constructor({ topic, partition }: KafkaPlace) {
    this.#what = `Sending to ${topic}, partition ${partition}, was given up`
    this.#givenUp.promise.catch(() => {}) // often nobody waits
  }

  get isGivenUp(): boolean {
    return this.#ending.signal.aborted
  }

  /**
   * Nothing of it is sent from now on. What is on its way cannot be taken back, so its connection is ended. Others whose
   * batches are on that send theirs again, which are then stored once.
   */
  giveUp(): void {
    if (this.isGivenUp) return
    const cause = this.#failure
    const error = this.#isSent
      ? new Error(`${this.#what}.`, { cause })
      : new UnsentError(`${this.#what}: nothing of it was sent.`, { cause })
    this.#ending.abort()
    this.#givenUp.reject(error)
    if (this.#connection !== undefined) end(this.#connection)
  }

  /** Waits for what has to come before it is sent. Rejects as soon as it is given up. */
  wait<T>(work: Promise<T>): Promise<T> {
    return Promise.race([this.#givenUp.promise, work])
  }

  /** Has it sent over a connection. Rejects as soon as it is given up. */
  async over(connection: Connection, send: () => Promise<void>): Promise<void> {
    if (this.isGivenUp) return this.#givenUp.promise
    this.#isSent = true
    this.#connection = connection
    try {
      await this.wait(send())
    } finally {
      this.#connection = undefined
    }
  }

  /** Waits before the next try. */
  async pause(ms: number, failure: unknown): Promise<void> {
    this.#failure = failure
    await sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => {})
  }
}

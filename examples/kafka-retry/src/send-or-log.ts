import { setTimeout as sleep } from 'node:timers/promises'
import { NotDurableError } from '@daybook/core'
import type { Rating } from './rating.ts'
import type { RatingWal } from './rating-wal.ts'

/**
 * Sends ratings to Kafka; to the log where Kafka fails, from which they are sent once it is back. Either way a
 * rating is durable once `send` has resolved, and the ratings of a film get to Kafka in the order in which they
 * were sent.
 *
 * For the sake of that order two things hold: a film's ratings are sent one after the other, and while
 * anything waits in the log all goes through the log.
 */
export class SendOrLog {
  readonly #send: (rating: Rating) => Promise<void>
  readonly #wal: RatingWal
  /** Ids of what waits in the log. */
  readonly #waiting = new Set<string>()
  /** The last rating of each film that is being sent. */
  readonly #turns = new Map<string, Promise<unknown>>()

  /** Above zero until all is sent that was in the log at some time: left there by an earlier process, or perhaps. */
  #drains = 0

  static async open(wal: RatingWal, send: (rating: Rating) => Promise<void>): Promise<SendOrLog> {
    const sender = new SendOrLog(wal, send)
    const { targets } = await wal.namespace('unsent').status()
    if (targets.kafka.pending !== 0) sender.#waitForAll()
    return sender
  }

  private constructor(wal: RatingWal, send: (rating: Rating) => Promise<void>) {
    this.#wal = wal
    this.#send = send
    const through = (namespace: string, id: string): void => {
      if (namespace === 'unsent') this.#waiting.delete(id)
    }
    wal.on('applied', ({ namespace, records }) => {
      for (const { id } of records) through(namespace, id)
    })
    wal.on('deadLettered', ({ namespace, stored }) => through(namespace, stored.id))
  }

  /** How much waits in the log. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Resolves once it is durable, with where. */
  send(rating: Rating): Promise<'Kafka' | 'the log'> {
    const before = this.#turns.get(rating.film) ?? Promise.resolve()
    const sending = before.then(() => this.#sendInTurn(rating))
    const ended = sending
      .catch(() => {})
      .then(() => {
        if (this.#turns.get(rating.film) === ended) this.#turns.delete(rating.film)
      })
    this.#turns.set(rating.film, ended)
    return sending
  }

  /** Nothing goes past the log until all is sent that is in it now, whether or not this process knows of it. */
  #waitForAll(): void {
    this.#drains++
    const over = (): void => {
      this.#drains--
    }
    // Where it fails the wal has been closed.
    this.#wal
      .namespace('unsent')
      .drain()
      .then(over, () => {})
  }

  async #sendInTurn(rating: Rating): Promise<'Kafka' | 'the log'> {
    if (this.#waiting.size === 0 && this.#drains === 0) {
      try {
        await this.#send(rating)
        return 'Kafka'
      } catch {
        // It may have got there all the same. Then it comes twice, with one id. What Kafka will never take becomes
        // a dead letter: the log's target finds out.
      }
    }
    await this.#writeToLog(rating)
    return 'the log'
  }

  async #writeToLog(rating: Rating): Promise<void> {
    const { id } = rating
    this.#waiting.add(id)
    try {
      await this.#writeSurely(rating)
    } catch (error) {
      this.#waiting.delete(id)
      throw error
    }
  }

  /**
   * A write that ended as `unknown` may be in the log: it is written again with its id and version, so that it is the same
   * record and does not count as newer than it is.
   */
  async #writeSurely(rating: Rating): Promise<void> {
    const unsent = this.#wal.namespace('unsent')
    const record = { id: rating.id, key: rating.film, payload: rating }
    let receipt = await unsent.tryWrite(record)
    const isInDoubt = receipt.durable === 'unknown'
    for (let tries = 1; isInDoubt && receipt.durable !== 'yes' && tries < mostTries; tries++) {
      await sleep(betweenTriesMs)
      receipt = await unsent.tryWrite({ ...record, version: receipt.version })
    }
    if (receipt.durable === 'yes') return
    // If it is there all the same, what comes next must not overtake it.
    if (isInDoubt) this.#waitForAll()
    throw new NotDurableError(receipt)
  }
}

/** How often the log is asked to store a rating of which it does not know whether it has it. */
const [mostTries, betweenTriesMs] = [5, 100]

import { type Target, unavailable } from '@daybook/core'
import type { Producer } from 'kafkajs'
import { messageOf, type Rating } from './rating.ts'
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

  /** True until what an earlier process has left in the log is sent. */
  #hasEarlier = false

  static async open(wal: RatingWal, send: (rating: Rating) => Promise<void>): Promise<SendOrLog> {
    const sender = new SendOrLog(wal, send)
    const { targets } = await wal.namespace('unsent').status()
    if (targets.kafka.pending !== 0) sender.#waitForEarlier()
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

  #waitForEarlier(): void {
    this.#hasEarlier = true
    const over = (): void => {
      this.#hasEarlier = false
    }
    // Where it fails the wal has been closed.
    this.#wal
      .namespace('unsent')
      .drain()
      .then(over, () => {})
  }

  async #sendInTurn(rating: Rating): Promise<'Kafka' | 'the log'> {
    if (this.#waiting.size === 0 && !this.#hasEarlier) {
      try {
        await this.#send(rating)
        return 'Kafka'
      } catch {
        // It may have got there all the same. Then it comes twice, with one id.
      }
    }
    const { id, film } = rating
    this.#waiting.add(id)
    try {
      await this.#wal.namespace('unsent').write({ id, key: film, payload: rating })
    } catch (error) {
      this.#waiting.delete(id)
      throw error
    }
    return 'the log'
  }
}

/** The target that sends what has waited. A Kafka that does not take it is down: no rating is to blame. */
export function kafkaTarget(producer: Producer, topic: string): Target<Rating> {
  return {
    idempotency: 'id',
    ops: ['put'],
    // A film's messages go to one partition, in the order of the batch.
    appliesInOrder: true,
    async apply(records) {
      const messages = records.flatMap(({ op, payload }) =>
        op === 'put' ? messageOf(payload) : [],
      )
      try {
        await producer.send({ topic, acks: -1, messages })
        return undefined
      } catch (cause) {
        const down = unavailable('KAFKA', (cause as Error).message, { cause })
        return records.map(() => down)
      }
    },
  }
}

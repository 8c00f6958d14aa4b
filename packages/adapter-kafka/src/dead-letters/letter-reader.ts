import { WalError } from '@daybook/core'
import type { KafkaEntry, KafkaPlace, KafkaReader } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import type { QueueParts } from '../queue-parts.ts'
import { silenceError, unlessSilent } from '../silence.ts'

/** One reading of the topic. Once it is given up each of its methods rejects. */
export interface Reading {
  /** First offset that is kept, and the one that comes next. */
  bounds(): Promise<{ readonly first: number; readonly next: number }>
  /** What lies from one offset up to, and without, another. */
  entries(from: number, to: number): AsyncIterable<KafkaEntry>
}

/** Reads the topic of the dead letters, one reading after the other, with a client's reader that is kept between them. */
export class LetterReader {
  readonly #parts: QueueParts
  readonly #place: KafkaPlace
  readonly #signal: AbortSignal
  #reader: Promise<KafkaReader> | undefined
  /** Ends with the last reading that was asked for. */
  #reading: Promise<unknown> = Promise.resolve()

  /** When the signal aborts what is being read ends with its reason. */
  constructor(parts: QueueParts, place: KafkaPlace, signal: AbortSignal) {
    this.#parts = parts
    this.#place = place
    this.#signal = signal
  }

  /** Runs the work once those before it have ended. After a failure the next one has a new reader. */
  run(work: (reading: Reading) => Promise<void>): Promise<void> {
    const done = this.#reading.then(async () => {
      try {
        this.#signal.throwIfAborted()
        await this.#watched(work)
      } catch (error) {
        void this.close()
        if (error instanceof WalError) throw error
        throw kafkaError(`The dead letters in ${this.#place.topic} cannot be read`, error)
      }
    })
    this.#reading = done.catch(() => {})
    return done
  }

  /** Gives the client's reader back. Never rejects. */
  async close(): Promise<void> {
    const reader = this.#reader
    this.#reader = undefined
    await reader?.then((opened) => opened.close()).catch(() => {})
  }

  #watched(work: (reading: Reading) => Promise<void>): Promise<void> {
    const { client, admin, context } = this.#parts
    const { topic, partition } = this.#place
    let reader: KafkaReader | undefined
    let offset: number | undefined
    const options = {
      clock: context.clock,
      signal: this.#signal,
      late: () => silenceError(`The dead letters in ${topic}`, offset, reader?.failure),
    }
    return unlessSilent(async ({ signal, heard }) => {
      const still = <T>(answer: T): T => {
        heard()
        return answer
      }
      this.#reader ??= client.reader(topic)
      const opened = still(await this.#reader)
      reader = opened
      await work({
        async bounds() {
          const [found] = still(await admin.bounds(topic))
          return { first: found?.first ?? 0, next: found?.next ?? 0 }
        },
        async *entries(from, to) {
          offset = from
          for await (const lot of opened.read(partition, from, to, signal)) {
            for (const entry of still(lot)) {
              offset = entry.offset + 1
              yield entry
            }
          }
          still(undefined)
        },
      })
    }, options)
  }
}

import { WalError } from '@daybook/core'
import type { KafkaEntry, KafkaPlace, KafkaReader } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import type { QueueParts } from '../queue-parts.ts'
import { silenceError, unlessSilent } from '../silence.ts'

/** Takes a lot; false: no more of this reading. */
export type OnLot = (entries: readonly KafkaEntry[]) => boolean

/** Reads parked topics, outside of any group, one reading at a time. */
export class ParkedReader {
  readonly #parts: QueueParts
  readonly #closing = new AbortController()
  /** By topic; opened when they are first needed. */
  readonly #readers = new Map<string, Promise<KafkaReader>>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  /** From one offset up to, and without, another. Rejects if nothing comes for too long. */
  read(place: KafkaPlace, from: number, to: number, onLot: OnLot): Promise<void> {
    const reading = this.#last.then(() => this.#read(place, from, to, onLot))
    this.#last = reading.catch(() => {})
    return reading
  }

  /** Ends what is being read. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(new WalError('ERR_CLOSED', 'The consumer is closed.'))
    await this.#closeReaders()
  }

  async #read(place: KafkaPlace, from: number, to: number, onLot: OnLot): Promise<void> {
    if (from >= to) return
    const { topic, partition } = place
    let reader: KafkaReader | undefined
    const options = {
      clock: this.#parts.context.clock,
      signal: this.#closing.signal,
      late: () => silenceError(`What is parked in ${topic}`, from, reader?.failure),
    }
    try {
      await unlessSilent(async ({ signal, heard }) => {
        reader = await this.#readerOf(topic)
        heard()
        for await (const lot of reader.read(partition, from, to, signal)) {
          heard()
          if (!onLot(lot)) return
        }
        heard()
      }, options)
    } catch (error) {
      void this.#closeReaders()
      throw error instanceof WalError ? error : kafkaError(`Reading ${topic}`, error)
    }
  }

  #readerOf(topic: string): Promise<KafkaReader> {
    const reader = this.#readers.get(topic) ?? this.#parts.client.reader(topic)
    this.#readers.set(topic, reader)
    return reader
  }

  async #closeReaders(): Promise<void> {
    const readers = [...this.#readers.values()]
    this.#readers.clear()
    await Promise.allSettled(readers.map(async (reader) => (await reader).close()))
  }
}

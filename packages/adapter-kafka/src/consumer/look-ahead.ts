import { WalError } from '@daybook/core'
import type { KafkaEntry, KafkaReader } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import { nameOf } from '../places.ts'
import type { QueueParts } from '../queue-parts.ts'
import { silenceError, unlessSilent } from '../silence.ts'
import type { Owner } from './lag.ts'
import type { Partition } from './partition.ts'

/** Told of an entry of a partition that its group's member may not have come to. */
export type OnEntry = (partition: Partition, entry: KafkaEntry) => void

/** Reads what lies ahead of a group's member, outside of the group. */
export class LookAhead {
  readonly #parts: QueueParts
  readonly #owner: Owner
  /** By topic; opened when they are first needed. */
  readonly #readers = new Map<string, Promise<KafkaReader>>()

  constructor(parts: QueueParts, owner: Owner) {
    this.#parts = parts
    this.#owner = owner
  }

  /**
   * Reads each partition from where the member has come to up to its present end. Ends early when the
   * signal aborts. Rejects if nothing comes for too long; the next call has new readers.
   */
  async run(signal: AbortSignal, onEntry: OnEntry): Promise<void> {
    let reader: KafkaReader | undefined
    let offset: number | undefined
    const what = `What lies ahead in ${this.#parts.options.topic}`
    const options = {
      clock: this.#parts.context.clock,
      signal,
      late: () => silenceError(what, offset, reader?.failure),
    }
    try {
      await unlessSilent(async (watched) => {
        const ends = await this.#parts.lag.ends()
        for (const partition of this.#owner.partitions) {
          watched.heard()
          const { topic, partition: number } = partition.place
          reader = await this.#readerOf(topic)
          watched.heard()
          offset = partition.next
          const end = ends.get(nameOf(partition.place)) ?? 0
          for await (const entries of reader.read(number, offset, end, watched.signal)) {
            watched.heard()
            for (const entry of entries) onEntry(partition, entry)
          }
        }
      }, options)
    } catch (error) {
      void this.close()
      if (signal.aborted) return
      throw error instanceof WalError ? error : kafkaError('Looking ahead in the topic', error)
    }
  }

  /** Gives the readers back. Never rejects. */
  async close(): Promise<void> {
    const readers = [...this.#readers.values()]
    this.#readers.clear()
    await Promise.allSettled(readers.map(async (reader) => (await reader).close()))
  }

  #readerOf(topic: string): Promise<KafkaReader> {
    const reader = this.#readers.get(topic) ?? this.#parts.client.reader(topic)
    this.#readers.set(topic, reader)
    return reader
  }
}

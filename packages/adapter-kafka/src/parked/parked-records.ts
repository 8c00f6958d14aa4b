import { type SendOutcome, WalError } from '@daybook/core'
import type { Partition, Slot } from '../consumer/partition.ts'
import type { ParkedNote } from '../consumer/progress-text.ts'
import type { KafkaEntry, KafkaMessage, KafkaPlace, KafkaReader } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import { messageOf } from '../kafka-message.ts'
import { parkedTopicOf, type QueueParts } from '../queue-parts.ts'
import { silenceError, unlessSilent } from '../silence.ts'
import {
  type CopyName,
  copyKeyOf,
  copyNameOf,
  parkedEntryOf,
  parkedMessage,
  unparkedMessage,
} from './parked-message.ts'
import type { ParkedClaim } from './parked-slots.ts'

type Put = (place: KafkaPlace, message: KafkaMessage) => Promise<SendOutcome>

/** A copy that counts. */
export interface ParkedCopy {
  readonly copyKey: string
  /** As it was in its own topic. */
  readonly entry: KafkaEntry
}

/** What a partition's parked topic has for a target. */
export interface LoadedCopies {
  readonly claim: ParkedClaim
  /** In the order of their own topic. */
  readonly copies: readonly ParkedCopy[]
}

/**
 * The copies of one target's records that wait behind dead letters, in topics that have the partitions of the
 * records' own. A copy's key has the record's offset, and a claim: the name of whoever had the partition.
 * Each commit in the record's topic has the claim of whoever makes it, and where the parked partition ended
 * when he had read it. The broker refuses commits of whoever has lost his partition, so they tell what counts:
 * all before that end, and behind it what was parked under that claim. What a process has written that was late is
 * neither, and is removed before the next commit would make it count.
 */
export class ParkedRecords {
  readonly #parts: QueueParts
  readonly #target: string
  readonly #put: Put
  readonly #closing = new AbortController()
  /** By topic; opened when they are first needed. */
  readonly #readers = new Map<string, Promise<KafkaReader>>()

  constructor(parts: QueueParts, target: string, put: Put) {
    this.#parts = parts
    this.#target = target
    this.#put = put
  }

  /** True for a partition whose records can be parked. */
  has({ topic }: KafkaPlace): boolean {
    return this.#parts.parking.has(topic)
  }

  /** Reads what is parked of a partition, to the end, and removes what came late. */
  async load(place: KafkaPlace, note: ParkedNote | undefined): Promise<LoadedCopies> {
    const parked = parkedPlaceOf(place)
    const { first, next } = await this.#bounds(parked)
    const counted = new Map<string, ParkedCopy>()
    const late = new Set<string>()
    for await (const entry of this.#entries(parked, first, next)) {
      const copyKey = entry.key?.toString() ?? ''
      const name = copyNameOf(copyKey)
      if (name?.target !== this.#target) continue
      counted.delete(copyKey)
      late.delete(copyKey)
      if (entry.value === null) continue
      const copy = parkedEntryOf(entry, name)
      if (copy === undefined) continue
      if (isCounted(entry, name, note)) counted.set(copyKey, { copyKey, entry: copy })
      else late.add(copyKey)
    }
    await this.remove(place, [...late])
    const copies = [...counted.values()].sort((a, b) => a.entry.offset - b.entry.offset)
    return { claim: { end: next, claim: this.#newClaim() }, copies }
  }

  /**
   * Stores a copy of each, in their order. Answers those that are stored, of each partition up to the
   * first that is not, and what went wrong.
   */
  async copy(
    slots: readonly Slot[],
  ): Promise<{ readonly stored: readonly [Slot, string][]; readonly error: unknown }> {
    const sends = slots.map((slot) => {
      const copyKey = this.#copyKeyOf(slot)
      // It may be there from now on, whatever is answered.
      slot.copies.add(copyKey)
      const message = parkedMessage(copyKey, slot.partition.place, entryOf(slot))
      return [slot, copyKey, this.#put(parkedPlaceOf(slot.partition.place), message)] as const
    })
    const stored: [Slot, string][] = []
    const failed = new Set<Partition>()
    let error: unknown
    for (const [slot, copyKey, sending] of sends) {
      const outcome = await sending
      if (outcome.durable !== 'yes') {
        error ??= this.#notStored(slot.partition.place, outcome)
        failed.add(slot.partition)
      } else if (!failed.has(slot.partition)) stored.push([slot, copyKey])
    }
    return { stored, error }
  }

  /** Takes copies away. Rejects if one may still be there. */
  async remove(place: KafkaPlace, copyKeys: readonly string[]): Promise<void> {
    const parked = parkedPlaceOf(place)
    const outcomes = await Promise.all(
      copyKeys.map((copyKey) => this.#put(parked, unparkedMessage(copyKey))),
    )
    const failed = outcomes.find(({ durable }) => durable !== 'yes')
    if (failed !== undefined) throw this.#notStored(place, failed)
  }

  /** Ends what is being read. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort(new WalError('ERR_CLOSED', 'The consumer is closed.'))
    await this.#closeReaders()
  }

  async #closeReaders(): Promise<void> {
    const readers = [...this.#readers.values()]
    this.#readers.clear()
    await Promise.allSettled(readers.map(async (reader) => (await reader).close()))
  }

  async #bounds({ topic, partition }: KafkaPlace): Promise<{ first: number; next: number }> {
    const found = (await this.#parts.admin.bounds(topic))[partition]
    if (found !== undefined) return found
    const text = `${topic} has no partition ${partition}: add partitions, as many as its topic has.`
    throw new WalError('ERR_CONFIG', text)
  }

  async *#entries(
    { topic, partition }: KafkaPlace,
    first: number,
    next: number,
  ): AsyncIterable<KafkaEntry> {
    if (next <= first) return
    const entries: KafkaEntry[] = []
    let reader: KafkaReader | undefined
    const options = {
      clock: this.#parts.context.clock,
      signal: this.#closing.signal,
      late: () => silenceError(`What is parked in ${topic}`, first, reader?.failure),
    }
    try {
      await unlessSilent(async ({ signal, heard }) => {
        reader = await this.#readerOf(topic)
        heard()
        for await (const lot of reader.read(partition, first, next, signal)) {
          heard()
          entries.push(...lot)
        }
        heard()
      }, options)
    } catch (error) {
      void this.#closeReaders()
      throw error instanceof WalError ? error : kafkaError(`Reading ${topic}`, error)
    }
    yield* entries
  }

  #readerOf(topic: string): Promise<KafkaReader> {
    const reader = this.#readers.get(topic) ?? this.#parts.client.reader(topic)
    this.#readers.set(topic, reader)
    return reader
  }

  #copyKeyOf({ offset, partition }: Slot): string {
    const claim = partition.parked.claim?.claim ?? ''
    return copyKeyOf({ offset, claim, target: this.#target })
  }

  #newClaim(): string {
    const bytes = this.#parts.context.random.fill(new Uint8Array(8))
    return Buffer.from(bytes).toString('hex')
  }

  #notStored({ topic }: KafkaPlace, { error }: SendOutcome): WalError {
    const text = `Not known to be stored in ${parkedTopicOf(topic)}: ${error?.message}`
    return new WalError('ERR_IO', text, { retryable: true, cause: error })
  }
}

function parkedPlaceOf({ topic, partition }: KafkaPlace): KafkaPlace {
  return { topic: parkedTopicOf(topic), partition }
}

/** Where nothing is noted nobody has parked and lost the partition since, as far as can be told. */
function isCounted({ offset }: KafkaEntry, { claim }: CopyName, note: ParkedNote | undefined) {
  return note === undefined || offset < note.end || claim === note.claim
}

function entryOf({ read, storedAt }: Slot): Omit<KafkaEntry, 'offset'> {
  return read.entry ?? { ...messageOf(read.record), timestamp: storedAt }
}

import type { SendOutcome } from '@daybook/core'
import type { KafkaEntry, KafkaMessage } from '../kafka-client.ts'

/** First offset that is kept, and the one that comes next. */
export interface Bounds {
  readonly first: number
  readonly next: number
}

/** What a log needs of its partition, of that one's topic and of the parked one. */
export interface ParkedLogPort {
  now(): number
  /** From 0 up to, and without, 1. */
  random(): number
  /** Of the parked partition; undefined where the parked topic has no such partition. Rejects where there is no such topic. */
  bounds(): Promise<Bounds | undefined>
  /** The same, as it is or was a moment ago. */
  firstBounds(): Promise<Bounds | undefined>
  read(from: number, to: number, onEntries: (entries: readonly KafkaEntry[]) => void): Promise<void>
  /** Stores them in their order; one outcome each. */
  put(messages: readonly KafkaMessage[]): Promise<readonly SendOutcome[]>
  /** Resolves once what is noted at the call is committed. Rejects if it is not, or the partition is lost. */
  noted(): Promise<void>
  /** True where the record at this offset is still to be read from its own topic, as far as is committed or about to be. */
  isOpen(offset: number): boolean
  /** Lets the broker remove what lies before. */
  trim(before: number): Promise<void>
  /** The parked partition does not have any more what it had. */
  gone(mostRecords: number): void
}

import {
  type PastRange,
  type PastReader,
  type PastReadLimits,
  type PastRecord,
  type StoredRecord,
  WalError,
} from '@daybook/core'
import { hopAtOf } from '../delays/tiers.ts'
import type { KafkaEntry, KafkaReader } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import { bytesOf } from '../kafka-message.ts'
import { recordOf } from '../kafka-record.ts'
import type { QueueParts } from '../queue-parts.ts'
import { silenceError, unlessSilent, type Watched } from '../silence.ts'
import { positionText } from './past-position.ts'
import { type PastSpan, spansOf } from './past-spans.ts'

/** Sending a record on, and committing that, takes at most about so long, in ms. */
const sendingOnMs = 10_000

/** Opens a reader of what the topic still has, outside of every group. */
export async function openPastReader(parts: QueueParts, range: PastRange): Promise<PastReader> {
  const spans = await unlessSilent(() => spansOf(parts, range), {
    clock: parts.context.clock,
    late: () => silenceError(`The past of ${parts.options.topic}`, undefined, undefined),
  })
  return new KafkaPastReader(parts, range, spans)
}

class KafkaPastReader implements PastReader {
  readonly #parts: QueueParts
  readonly #range: PastRange
  readonly #spans: readonly PastSpan[]
  readonly #readers = new Map<string, Promise<KafkaReader>>()
  readonly #closing = new AbortController()
  /** Ends the reading of a span. */
  #leaving = new AbortController()
  /** Of the span that is being read. */
  #lots: AsyncIterator<readonly KafkaEntry[]> | undefined
  /** Asked for, perhaps by a read that was aborted. */
  #lot: Promise<IteratorResult<readonly KafkaEntry[]>> | undefined
  /** Read, and not handed out. */
  #entries: KafkaEntry[] = []
  /** Records that were just being sent on when this was opened: they may be found in two places. */
  readonly #underWay = new Set<string>()
  readonly #openedAt: number

  constructor(parts: QueueParts, range: PastRange, spans: readonly PastSpan[]) {
    this.#parts = parts
    this.#range = range
    this.#spans = spans
    this.#openedAt = parts.context.clock.now()
  }

  get position(): string {
    const of = (kind: PastSpan['kind'], topic?: string): number[] =>
      this.#spans
        .filter((span) => span.kind === kind && span.topic === (topic ?? span.topic))
        .map(({ next }) => next)
    const records = this.#parts.options.topics.map((topic) => of('records', topic))
    return positionText({ records, delays: of('delays') })
  }

  async read({ maxRecords, maxBytes, signal }: PastReadLimits): Promise<readonly PastRecord[]> {
    const records: PastRecord[] = []
    let bytes = 0
    for (;;) {
      this.#check(signal)
      const span = this.#spans.find(({ next, to }) => next < to)
      if (span === undefined) return records
      const [entry] = this.#entries
      if (entry === undefined) {
        // What is there is better than more of it later.
        if (records.length > 0) return records
        await this.#fill(span, signal)
        continue
      }
      const size = bytesOf(entry)
      if (records.length === maxRecords || (records.length > 0 && bytes + size > maxBytes)) {
        return records
      }
      this.#entries.shift()
      span.next = entry.offset + 1
      if (span.next >= span.to) this.#leave()
      const record = this.#past(span, entry, size)
      if (record === undefined) continue
      records.push(record)
      bytes += size
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#leaving.abort()
    const readers = [...this.#readers.values()]
    this.#readers.clear()
    await Promise.allSettled(readers.map(async (reader) => (await reader).close()))
  }

  async #fill(span: PastSpan, signal: AbortSignal): Promise<void> {
    const what = `The past of ${span.topic}, partition ${span.partition},`
    let reader: KafkaReader | undefined
    try {
      const lot = await unlessSilent(
        async (watched) => {
          reader = await this.#readerOf(span.topic)
          return await this.#nextLot(span, reader, watched)
        },
        {
          ...{ clock: this.#parts.context.clock, signal },
          late: () => silenceError(what, span.next, reader?.failure),
        },
      )
      this.#lot = undefined
      if (!lot.done) this.#entries = [...lot.value]
      else {
        // Behind the last entry there may be marks of transactions, and what compaction has left.
        if (!this.#closing.signal.aborted) span.next = span.to
        this.#leave()
      }
    } catch (error) {
      // What was asked for is waited for by the next read.
      if (signal.aborted) return
      this.#leave()
      this.#giveBack(span.topic)
      throw error instanceof WalError ? error : kafkaError(`${what} cannot be read`, error)
    }
  }

  #nextLot({ partition, next, to }: PastSpan, reader: KafkaReader, { heard }: Watched) {
    heard()
    const { signal } = this.#leaving
    this.#lots ??= reader.read(partition, next, to, signal)[Symbol.asyncIterator]()
    this.#lot ??= this.#lots.next()
    return this.#lot
  }

  #leave(): void {
    const lots = this.#lots
    this.#leaving.abort()
    this.#leaving = new AbortController()
    this.#lots = undefined
    this.#lot = undefined
    this.#entries = []
    void lots?.return?.()
  }

  /** The next read has a new one. */
  #giveBack(topic: string): void {
    const reader = this.#readers.get(topic)
    this.#readers.delete(topic)
    reader?.then((opened) => opened.close()).catch(() => {})
  }

  #readerOf(topic: string): Promise<KafkaReader> {
    const reader = this.#readers.get(topic) ?? this.#parts.client.reader(topic)
    this.#readers.set(topic, reader)
    return reader
  }

  /** Undefined for what is no record, and for a delayed one that is read elsewhere or not meant. */
  #past(span: PastSpan, entry: KafkaEntry, bytes: number): PastRecord | undefined {
    if (span.sentOn?.isDone(entry.offset)) return undefined
    try {
      const record = recordOf(entry)
      // Its message is as young as its last hop.
      const storedAt = span.kind === 'delays' ? record.writtenAt : entry.timestamp
      if (span.kind === 'delays' && !isWithin(storedAt, this.#range)) return undefined
      if (this.#isRepeated(span, entry, record)) return undefined
      return { record, storedAt, bytes }
    } catch {
      return undefined
    }
  }

  /** A delayed record is read from the place that comes first; the next one comes behind it. */
  #isRepeated({ kind }: PastSpan, entry: KafkaEntry, record: StoredRecord): boolean {
    const name = `${record.id} ${record.attemptEpoch} ${record.target}`
    if (kind === 'delays' && this.#underWay.has(name)) return true
    const isUnderWay =
      kind === 'delays'
        ? hopAtOf(entry) <= this.#openedAt + sendingOnMs
        : record.dueAt !== undefined && entry.timestamp >= this.#openedAt - sendingOnMs
    if (isUnderWay) this.#underWay.add(name)
    return false
  }

  #check(signal: AbortSignal): void {
    if (this.#closing.signal.aborted) {
      throw new WalError('ERR_CLOSED', 'This reader of the past is closed.')
    }
    if (signal.aborted) throw new WalError('ERR_ABORTED', 'Reading the past was aborted.')
  }
}

function isWithin(at: number, { from, to }: PastRange): boolean {
  const isLate = from === undefined || !('at' in from) || at >= from.at
  return isLate && (to === undefined || !('at' in to) || at < to.at)
}

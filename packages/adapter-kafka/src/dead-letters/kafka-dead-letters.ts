import {
  type DeadLetterPageOptions,
  type DeadLetterQueue,
  type DeadLetterSummary,
  type SendOutcome,
  type StoredDeadLetter,
  type StoredDeadLetterPage,
  WalError,
} from '@daybook/core'
import type { KafkaMessage, KafkaPlace, KafkaReader } from '../kafka-client.ts'
import { kafkaError } from '../kafka-errors.ts'
import type { QueueParts } from '../queue-parts.ts'
import { type IndexedLetter, LetterIndex, matches } from './letter-index.ts'
import { letterMessage, letterOf, removalMessage } from './letter-message.ts'
import { RecentLetters } from './recent-letters.ts'

type Put = (message: KafkaMessage) => Promise<SendOutcome>

/**
 * Dead letters in a compacted topic of one partition. To answer, it reads what has been put there
 * since it last did, by whatever process, and keeps an index of it without the letters' bytes, but for those
 * that it read last.
 */
export function kafkaDeadLetterQueue(
  parts: QueueParts,
  place: KafkaPlace,
  put: Put,
): DeadLetterQueue {
  return new KafkaDeadLetterQueue(parts, place, put)
}

/** Letters that are kept with their bytes, in bytes: several pages of usual ones. */
const recentBytes = 4 * 2 ** 20

/** Letters so near to each other are read in one go. */
const nearOffsets = 200

/** After so long the index is built anew, in ms: a broker keeps the mark of a removal for a day, by default. */
const longestTrustMs = 12 * 3_600_000

class KafkaDeadLetterQueue implements DeadLetterQueue {
  readonly #parts: QueueParts
  readonly #place: KafkaPlace
  readonly #put: Put
  #index = new LetterIndex()
  #recent = new RecentLetters(recentBytes)
  /** In ms since the Unix epoch. */
  #caughtUpAt = 0
  #reader: Promise<KafkaReader> | undefined
  /** Ends with the last read that was asked for: there is one at a time. */
  #reading: Promise<unknown> = Promise.resolve()
  /** A catching up that has not begun: it will have all that was put by now, so whoever comes shares it. */
  #nextCatchUp: Promise<void> | undefined
  /** Ids of letters that a call is removing: another one at the same time does not count them again. */
  readonly #removing = new Set<string>()
  readonly #underWay = new Set<Promise<unknown>>()
  /** Ends what is being read; what is being put is waited for. */
  readonly #closing = new AbortController()

  constructor(parts: QueueParts, place: KafkaPlace, put: Put) {
    this.#parts = parts
    this.#place = place
    this.#put = put
  }

  put(letters: readonly StoredDeadLetter[]): Promise<void> {
    return this.#run(() => this.#send(letters.map(letterMessage)))
  }

  list(options: DeadLetterPageOptions): Promise<StoredDeadLetterPage> {
    return this.#run(async () => {
      const { after, limit } = pageBoundsOf(options)
      await this.#catchUp()
      const found: IndexedLetter[] = []
      for (const letter of this.#index.letters) {
        if (letter.offset < after || !matches(letter, options)) continue
        found.push(letter)
        if (found.length > limit) break
      }
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      const letters = await this.#read(page)
      return { letters, next: last && String(last.offset + 1) }
    })
  }

  get(id: string): Promise<StoredDeadLetter | undefined> {
    return this.#run(async () => {
      await this.#catchUp()
      const found = this.#index.get(id)
      return found && (await this.#read([found]))[0]
    })
  }

  remove(ids: readonly string[]): Promise<number> {
    return this.#run(async () => {
      await this.#catchUp()
      const known = [...new Set(ids)].flatMap((id) => this.#index.get(id) ?? [])
      const mine = known.filter(({ summary }) => !this.#removing.has(summary.id))
      await this.#remove(mine)
      return mine.length
    })
  }

  async *summaries(): AsyncIterable<DeadLetterSummary> {
    await this.#run(() => this.#catchUp())
    yield* [...this.#index.letters].map(({ summary }) => summary)
  }

  count(): Promise<ReadonlyMap<string, number>> {
    return this.#run(async () => {
      await this.#catchUp()
      const counts = new Map<string, number>()
      for (const { summary } of this.#index.letters) {
        const { target } = summary
        counts.set(target, (counts.get(target) ?? 0) + 1)
      }
      return counts
    })
  }

  async close(): Promise<void> {
    this.#closing.abort(closed())
    await Promise.allSettled(this.#underWay)
    const reader = this.#reader
    this.#reader = undefined
    await (await reader?.catch(() => undefined))?.close()
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted) throw closed()
    const running = work()
    this.#underWay.add(running)
    try {
      return await running
    } finally {
      this.#underWay.delete(running)
    }
  }

  async #remove(letters: readonly IndexedLetter[]): Promise<void> {
    const ids = letters.map(({ summary }) => summary.id)
    for (const id of ids) this.#removing.add(id)
    try {
      await this.#send(ids.map(removalMessage))
      // Who has caught up before that was stored is not to find them either.
      for (const letter of letters) this.#index.forget(letter)
    } finally {
      for (const id of ids) this.#removing.delete(id)
    }
  }

  async #send(messages: readonly KafkaMessage[]): Promise<void> {
    const outcomes = await Promise.all(messages.map((message) => this.#put(message)))
    const failed = outcomes.find(({ durable }) => durable !== 'yes')
    if (failed === undefined) return
    const { topic } = this.#place
    throw new WalError(
      'ERR_DLQ_WRITE',
      `Not known to be stored in ${topic}: ${failed.error?.message}`,
      {
        retryable: true,
        cause: failed.error,
      },
    )
  }

  /** Reads what was put up to now. */
  #catchUp(): Promise<void> {
    if (this.#nextCatchUp !== undefined) return this.#nextCatchUp
    const begun = (): void => {
      if (this.#nextCatchUp === catchingUp) this.#nextCatchUp = undefined
    }
    const catchingUp = this.#oneByOne((reader) => {
      begun()
      return this.#readOn(reader)
    }).finally(begun)
    this.#nextCatchUp = catchingUp
    return catchingUp
  }

  async #readOn(reader: KafkaReader): Promise<void> {
    const { topic, partition } = this.#place
    const [bounds] = await this.#parts.admin.bounds(topic)
    const { first = 0, next = 0 } = bounds ?? {}
    const now = this.#parts.context.clock.now()
    if (now - this.#caughtUpAt > longestTrustMs) {
      this.#index = new LetterIndex()
      this.#recent = new RecentLetters(recentBytes)
    }
    const from = Math.max(first, this.#index.next)
    for await (const entries of reader.read(partition, from, next, this.#closing.signal)) {
      for (const entry of entries) {
        const letter = this.#index.add(entry)
        if (letter) this.#recent.add(entry, letter)
      }
    }
    this.#caughtUpAt = now
  }

  async #read(found: readonly IndexedLetter[]): Promise<readonly StoredDeadLetter[]> {
    const letters = new Map<number, StoredDeadLetter>()
    const missing: number[] = []
    for (const { offset } of found) {
      const letter = this.#recent.get(offset)
      if (letter) letters.set(offset, letter)
      else missing.push(offset)
    }
    if (missing.length > 0) {
      await this.#oneByOne(async (reader) => {
        for (const span of spansOf(missing)) await this.#readSpan(reader, span, letters)
      })
    }
    // One that was removed or put again meanwhile may be compacted away.
    return found.flatMap(({ offset }) => letters.get(offset) ?? [])
  }

  async #readSpan(
    reader: KafkaReader,
    { from, to }: Span,
    letters: Map<number, StoredDeadLetter>,
  ): Promise<void> {
    const { partition } = this.#place
    for await (const entries of reader.read(partition, from, to, this.#closing.signal)) {
      for (const entry of entries) {
        const letter = letterOf(entry)
        if (letter === undefined) continue
        letters.set(entry.offset, letter)
        this.#recent.add(entry, letter)
      }
    }
  }

  #oneByOne(work: (reader: KafkaReader) => Promise<void>): Promise<void> {
    const done = this.#reading.then(async () => {
      try {
        this.#closing.signal.throwIfAborted()
        this.#reader ??= this.#parts.client.reader(this.#place.topic)
        await unlessAborted(this.#reader.then(work), this.#closing.signal)
      } catch (error) {
        const broken = this.#reader
        this.#reader = undefined
        void broken?.then((reader) => reader.close()).catch(() => {})
        if (error instanceof WalError) throw error
        throw kafkaError(`The dead letters in ${this.#place.topic} cannot be read`, error)
      }
    })
    this.#reading = done.catch(() => {})
    return done
  }
}

/** Rejects with the signal's reason when it aborts: a broker that is gone may never answer. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function closed(): WalError {
  return new WalError('ERR_CLOSED', 'The dead-letter queue is closed.')
}

/** Offsets from one up to, and without, another. */
interface Span {
  from: number
  to: number
}

/** Spans that hold these offsets, which grow. */
function spansOf(offsets: readonly number[]): readonly Readonly<Span>[] {
  const spans: Span[] = []
  for (const offset of offsets) {
    const last = spans.at(-1)
    if (last !== undefined && offset - last.to < nearOffsets) last.to = offset + 1
    else spans.push({ from: offset, to: offset + 1 })
  }
  return spans
}

function pageBoundsOf({ after = '0', limit = 100 }: DeadLetterPageOptions): {
  readonly after: number
  readonly limit: number
} {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw invalid(
      `A page of dead letters has ${limit} as limit; it must be a whole number from 1 to 1,000.`,
    )
  }
  if (!/^\d{1,15}$/.test(after)) {
    const text = `'${String(after).slice(0, 80)}' is not the \`next\` of a page of dead letters.`
    throw invalid(`${text} Pass on what the page before gave.`)
  }
  return { after: Number(after), limit }
}

function invalid(message: string): WalError {
  return new WalError('ERR_INVALID_SELECTION', message)
}

import {
  type DeadLetterPageOptions,
  type DeadLetterQueue,
  type DeadLetterSummary,
  type SendOutcome,
  type StoredDeadLetter,
  type StoredDeadLetterPage,
  WalError,
} from '@daybook/core'
import type { KafkaMessage, KafkaPlace } from '../kafka-client.ts'
import type { QueueParts } from '../queue-parts.ts'
import { type IndexedLetter, LetterIndex, matches } from './letter-index.ts'
import { letterMessage, letterOf, removalMessage } from './letter-message.ts'
import { LetterReader, type Reading } from './letter-reader.ts'
import { RecentLetters } from './recent-letters.ts'
import { spansOf } from './spans.ts'

type Put = (message: KafkaMessage) => Promise<SendOutcome>

/**
 * Dead letters in a compacted topic of one partition. To answer, it reads what has been put there
 * since it last did, by whatever process, and keeps an index of it without the letters' bytes, but for those
 * that it read last, up to `recentBytes`. Two processes that remove one letter at the same time may both count it.
 */
export function kafkaDeadLetterQueue(
  parts: QueueParts,
  place: KafkaPlace,
  put: Put,
  recentBytes: number = usualRecentBytes,
): DeadLetterQueue {
  return new KafkaDeadLetterQueue(parts, place, put, recentBytes)
}

/** Letters that are kept with their bytes, in bytes: several pages of usual ones. */
const usualRecentBytes = 4 * 2 ** 20

/** How long the topic has to keep the mark of a removal, in ms: a day, as brokers do by default. */
export const leastMarksMs = 24 * 3_600_000

/** After so long the index is built anew, in ms: the mark of a removal that it has not read may be gone later. */
const longestTrustMs = leastMarksMs / 2

class KafkaDeadLetterQueue implements DeadLetterQueue {
  readonly #parts: QueueParts
  readonly #place: KafkaPlace
  readonly #put: Put
  readonly #recentBytes: number
  #index = new LetterIndex()
  #recent: RecentLetters
  /** In ms since the Unix epoch. */
  #caughtUpAt = 0
  readonly #reader: LetterReader
  /** A catching up that has not begun: it will have all that was put by now, so whoever comes shares it. */
  #nextCatchUp: Promise<void> | undefined
  /**
   * Ids of letters that a call is removing, until that is stored or has failed: another call at the same
   * time does not count them again, but waits for what comes of it.
   */
  readonly #removing = new Map<string, Promise<void>>()
  readonly #underWay = new Set<Promise<unknown>>()
  /** Ends what is being read; what is being put is waited for. */
  readonly #closing = new AbortController()

  constructor(parts: QueueParts, place: KafkaPlace, put: Put, recentBytes: number) {
    this.#parts = parts
    this.#place = place
    this.#put = put
    this.#recentBytes = recentBytes
    this.#recent = new RecentLetters(recentBytes)
    this.#reader = new LetterReader(parts, place, this.#closing.signal)
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
      const removedByOthers = known.flatMap(({ summary }) => this.#removing.get(summary.id) ?? [])
      const mine = known.filter(({ summary }) => !this.#removing.has(summary.id))
      await Promise.all([this.#remove(mine), ...new Set(removedByOthers)])
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
    await this.#reader.close()
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
    const removing = this.#send(ids.map(removalMessage))
    for (const id of ids) this.#removing.set(id, removing)
    try {
      await removing
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
    const catchingUp = this.#reader
      .run((reading) => {
        begun()
        return this.#readOn(reading)
      })
      .finally(begun)
    this.#nextCatchUp = catchingUp
    return catchingUp
  }

  async #readOn(reading: Reading): Promise<void> {
    const { first, next } = await reading.bounds()
    const now = this.#parts.context.clock.now()
    if (now - this.#caughtUpAt > longestTrustMs) {
      this.#index = new LetterIndex()
      this.#recent = new RecentLetters(this.#recentBytes)
    }
    for await (const entry of reading.entries(Math.max(first, this.#index.next), next)) {
      const letter = this.#index.add(entry)
      if (letter) this.#recent.add(entry, letter)
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
      await this.#reader.run(async (reading) => {
        for (const { from, to } of spansOf(missing)) {
          for await (const entry of reading.entries(from, to)) {
            const letter = letterOf(entry)
            if (letter === undefined) continue
            letters.set(entry.offset, letter)
            this.#recent.add(entry, letter)
          }
        }
      })
    }
    // One that was removed or put again meanwhile may be compacted away.
    return found.flatMap(({ offset }) => letters.get(offset) ?? [])
  }
}

function closed(): WalError {
  return new WalError('ERR_CLOSED', 'The dead-letter queue is closed.')
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

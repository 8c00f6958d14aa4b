import { applied, type Outcome } from '@daybook/core'
import { aborted } from './abort.ts'
import { batchesOf, isOneBatch } from './batches.ts'
import {
  type CassandraCallOptions,
  type CassandraResult,
  type CassandraStatement,
  noRetries,
} from './cassandra-client.ts'
import { classOf } from './cassandra-errors.ts'
import type { CassandraSettings } from './cassandra-options.ts'
import { readConsistency } from './consistency.ts'
import { Gate } from './gate.ts'
import type { Work } from './work.ts'

type Settings = Pick<
  CassandraSettings<unknown>,
  'client' | 'consistency' | 'executionProfile' | 'maxBatchBytes' | 'concurrency' | 'unsafe'
>

/** What is to be said of a failure, once whoever knows the table has had a look. */
export type Judge = (error: unknown, work: Work) => Promise<Outcome>

/** How a set of works is sent. */
interface Sending {
  readonly signal: AbortSignal
  readonly judge: Judge
  settle(place: number, outcome: Outcome): void
}

/** Sends works, so many at once, each once. The driver chooses the node by the partition key. */
export class Sender {
  readonly #settings: Settings
  readonly #gate: Gate
  readonly #options: CassandraCallOptions

  constructor(settings: Settings) {
    this.#settings = settings
    this.#gate = new Gate(settings.concurrency)
    const { consistency, executionProfile, unsafe } = settings
    this.#options = {
      ...{ prepare: true, isIdempotent: !unsafe, retry: noRetries },
      ...(consistency !== undefined && { consistency }),
      ...(executionProfile !== undefined && { executionProfile }),
    }
  }

  /** Tells the outcome of each work as it is known. Resolves once all are; rejects for nothing. */
  async send(works: readonly Work[], how: Sending): Promise<void> {
    const batches = batchesOf(works, this.#settings.maxBatchBytes)
    const calledOff = aborted(how.signal)
    await Promise.all(
      batches.map((places) => this.#sendBatch(works, places, { ...how, calledOff })),
    )
  }

  /** Reads; rejects with the driver's error. */
  read({ query, params }: CassandraStatement): Promise<CassandraResult> {
    const consistency = readConsistency(this.#settings.consistency)
    const options = { ...this.#options, isIdempotent: true }
    return this.#settings.client.execute(query, params, {
      ...options,
      ...(consistency !== undefined && { consistency }),
    })
  }

  /** Sends one work by itself; rejects with the driver's error. */
  sendOne(work: Work): Promise<void> {
    return this.#sendTogether([work])
  }

  async #sendBatch(
    works: readonly Work[],
    places: readonly number[],
    how: Sending & { readonly calledOff: Promise<void> },
  ): Promise<void> {
    const { signal, judge, settle, calledOff } = how
    const batch = places.flatMap((place) => works[place] ?? [])
    const end = await this.#gate.run(async () => {
      if (signal.aborted) return 'calledOff'
      const sending = this.#sendTogether(batch).then((): 'sent' => 'sent', failed)
      // The driver cannot be called off; but it must not keep the place of those who come later.
      return Promise.race([sending, calledOff.then((): 'calledOff' => 'calledOff')])
    })
    if (end === 'calledOff') return
    // One bad record fails its batch, of which nothing was written then: each for itself tells which.
    if (end !== 'sent' && places.length > 1 && classOf(end.cause).status === 'permanent') {
      await Promise.all(places.map((place) => this.#sendBatch(works, [place], how)))
      return
    }
    const [first] = batch
    const outcome = end === 'sent' || !first ? applied : await judge(end.cause, first)
    for (const place of places) settle(place, outcome)
  }

  async #sendTogether(works: readonly Work[]): Promise<void> {
    const { client, maxBatchBytes } = this.#settings
    const statements = works.flatMap((work) => work.statements)
    if (statements.length > 1 && isOneBatch(works, maxBatchBytes)) {
      await client.batch([...statements], { ...this.#options, logged: false })
      return
    }
    for (const { query, params } of statements) await client.execute(query, params, this.#options)
  }
}

const failed = (cause: unknown): { readonly cause: unknown } => ({ cause })

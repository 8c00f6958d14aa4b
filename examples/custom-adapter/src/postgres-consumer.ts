import { randomUUID } from 'node:crypto'
import type {
  Backlog,
  Clock,
  Consumer,
  Delivery,
  PullOptions,
  QueueContext,
  Release,
  SavedAttempts,
  Timer,
  Watermark,
} from '@daybook/core'
import type { QueryResultRow } from 'pg'
import { postgresError } from './postgres-errors.ts'
import { attemptsOf, type Row, recordOf, type Table } from './postgres-table.ts'

export interface PostgresConsumerOptions extends Pick<QueueContext, 'clock' | 'reportError'> {
  readonly target: string
  readonly leaseMs: number
  readonly pollMs: number
}

/** Hands out the rows of one target. Several consumers, in several processes, share them. */
export class PostgresConsumer implements Consumer {
  readonly #table: Table
  readonly #options: PostgresConsumerOptions
  /** Whose lease a row is under. */
  readonly #name = randomUUID()
  /** What this consumer has, by position. */
  readonly #leased = new Map<string, AbortController>()
  readonly #closing = new AbortController()
  #renewal: Timer | undefined

  constructor(table: Table, options: PostgresConsumerOptions) {
    this.#table = table
    this.#options = options
    this.#planRenewal()
  }

  async pull({ maxRecords, maxBytes, signal }: PullOptions): Promise<readonly Delivery[]> {
    const ends = AbortSignal.any([signal, this.#closing.signal])
    while (!ends.aborted) {
      const deliveries = await this.#take(maxRecords, maxBytes)
      if (deliveries.length > 0) return deliveries
      await pause(this.#options.clock, this.#options.pollMs, ends)
    }
    return []
  }

  async ack(deliveries: readonly Delivery[]): Promise<void> {
    const positions = this.#ours(deliveries)
    if (positions.length === 0) return
    const { name } = this.#table
    await this.#query(`DELETE FROM ${name} WHERE position = ANY($1) AND lease = $2`, [
      positions,
      this.#name,
    ])
    for (const position of positions) this.#leased.delete(position)
  }

  async release(releases: readonly Release[]): Promise<void> {
    const now = this.#now()
    for (const { delivery, attempts, delayMs } of releases) {
      for (const position of this.#ours([delivery])) {
        await this.#query(
          `UPDATE ${this.#table.name}
           SET lease = NULL, not_before = $3, attempts = $4, begun = 0
           WHERE position = $1 AND lease = $2`,
          [position, this.#name, now + Math.ceil(delayMs), JSON.stringify(attempts)],
        )
        this.#leased.delete(position)
      }
    }
  }

  async beginAttempts(deliveries: readonly Delivery[]): Promise<void> {
    const { name } = this.#table
    await this.#query(
      `UPDATE ${name} SET begun = begun + 1 WHERE position = ANY($1) AND lease = $2`,
      [this.#ours(deliveries), this.#name],
    )
  }

  async saveAttempts(saved: readonly SavedAttempts[]): Promise<void> {
    for (const { delivery, attempts } of saved) {
      await this.#query(
        `UPDATE ${this.#table.name} SET attempts = $3, begun = 0
         WHERE position = ANY($1) AND lease = $2`,
        [this.#ours([delivery]), this.#name, JSON.stringify(attempts)],
      )
    }
  }

  async backlog(): Promise<Backlog> {
    const [row] = await this.#query<{ pending: string; delayed: string; oldest: string | null }>(
      `SELECT count(*) FILTER (WHERE due_at <= $2) AS pending,
              count(*) FILTER (WHERE due_at > $2) AS delayed,
              min(written_at) FILTER (WHERE due_at <= $2) AS oldest
       FROM ${this.#table.name} WHERE target = $1`,
      [this.#options.target, this.#now()],
    )
    const oldest = row?.oldest ?? undefined
    return {
      pending: Number(row?.pending ?? 0),
      delayed: Number(row?.delayed ?? 0),
      oldestWrittenAt: oldest === undefined ? undefined : Number(oldest),
    }
  }

  async watermark({ includeDelayed }: { readonly includeDelayed: boolean }): Promise<Watermark> {
    const { name } = this.#table
    const [row] = await this.#query<{ last: string | null }>(
      `SELECT max(position) AS last FROM ${name} WHERE target = $1`,
      [this.#options.target],
    )
    const last = BigInt(row?.last ?? 0)
    const dueBy = includeDelayed ? Number.MAX_SAFE_INTEGER : this.#now()
    return {
      covers: ({ position, record }) => BigInt(position) <= last && (record.dueAt ?? 0) <= dueBy,
      remaining: async () => {
        const [left] = await this.#query<{ count: string }>(
          `SELECT count(*) FROM ${name} WHERE target = $1 AND position <= $2 AND due_at <= $3`,
          [this.#options.target, last.toString(), dueBy],
        )
        return Number(left?.count ?? 0)
      },
    }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#renewal?.cancel()
    this.#leased.clear()
    await this.#query(
      `UPDATE ${this.#table.name} SET lease = NULL, not_before = due_at, begun = 0 WHERE lease = $1`,
      [this.#name],
    )
  }

  /**
   * Leases the rows that could be had for longest, and passes over those that somebody is about to lease. In the order of the
   * index: by position each pull would sort all that are due, or pass over all that are not and all of other targets.
   */
  async #take(maxRecords: number, maxBytes: number): Promise<readonly Delivery[]> {
    const { name } = this.#table
    const now = this.#now()
    const rows = await this.#query<Row>(
      `UPDATE ${name} SET lease = $2, not_before = $4, hand_outs = hand_outs + 1
       WHERE position IN (
         SELECT position FROM ${name} WHERE target = $1 AND not_before <= $3
         ORDER BY not_before, position LIMIT $5 FOR UPDATE SKIP LOCKED
       )
       RETURNING position, fields, payload, attempts, begun, hand_outs`,
      [this.#options.target, this.#name, now, now + this.#options.leaseMs, maxRecords],
    )
    const deliveries = rows
      .sort((a, b) => Number(BigInt(a.position) - BigInt(b.position)))
      .map((row) => this.#lease(row))
    let bytes = 0
    const fitting = deliveries.findIndex((delivery, at) => {
      bytes += delivery.bytes
      return at > 0 && bytes > maxBytes
    })
    if (fitting < 0 && !this.#closing.signal.aborted) return deliveries
    const kept = this.#closing.signal.aborted ? 0 : fitting
    await this.release(
      deliveries
        .slice(kept)
        .map((delivery) => ({ delivery, attempts: delivery.attempts, delayMs: 0 })),
    )
    return deliveries.slice(0, kept)
  }

  #lease(row: Row): Delivery {
    // Its own lease may have run out while nobody renewed it.
    this.#leased.get(row.position)?.abort()
    const lease = new AbortController()
    this.#leased.set(row.position, lease)
    return {
      record: recordOf(row),
      position: BigInt(row.position),
      bytes: (row.payload?.byteLength ?? 0) + 200,
      attempts: attemptsOf(row),
      handOuts: row.hand_outs,
      lease: lease.signal,
    }
  }

  /** Not what was acked, released or lost before. */
  #ours(deliveries: readonly Delivery[]): string[] {
    return deliveries
      .map(({ position }) => position.toString())
      .filter((position) => this.#leased.has(position))
  }

  #planRenewal(): void {
    const { clock, leaseMs } = this.#options
    this.#renewal = clock.setTimer(leaseMs / 3, () => void this.#renew(), { unref: true })
  }

  /** Leases are made longer for as long as core holds the records. Whoever lost one is told. */
  async #renew(): Promise<void> {
    const held = [...this.#leased.keys()]
    try {
      const kept = await this.#query<{ position: string }>(
        `UPDATE ${this.#table.name} SET not_before = $3
         WHERE position = ANY($1) AND lease = $2 RETURNING position`,
        [held, this.#name, this.#now() + this.#options.leaseMs],
      )
      const still = new Set(kept.map(({ position }) => position))
      for (const position of held.filter((one) => !still.has(one))) {
        this.#leased.get(position)?.abort()
        this.#leased.delete(position)
      }
    } catch (error) {
      this.#options.reportError(postgresError('Leases were not renewed', error))
    }
    if (!this.#closing.signal.aborted) this.#planRenewal()
  }

  #now(): number {
    return Math.floor(this.#options.clock.now())
  }

  async #query<R extends QueryResultRow>(sql: string, values: readonly unknown[]): Promise<R[]> {
    try {
      return (await this.#table.pool.query<R>(sql, [...values])).rows
    } catch (cause) {
      throw postgresError(`The table ${this.#table.name} does not answer`, cause)
    }
  }
}

/** Waits, or until the signal aborts. */
function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = clock.setTimer(ms, end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}

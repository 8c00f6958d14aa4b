import {
  type FailureOutcome,
  held,
  isWalError,
  type Outcome,
  orAborted,
  permanent,
  type Target,
  transient,
  unavailable,
  WalError,
  type WalRecord,
} from '@daybook/core'
import { aborted } from './abort.ts'
import { classOf, outcomeOf } from './cassandra-errors.ts'
import {
  type CassandraSettings,
  type CassandraTargetOptions,
  resolveOptions,
} from './cassandra-options.ts'
import { CustomStatements } from './custom-statements.ts'
import { LiveTable } from './live-table.ts'
import { Probe } from './probe.ts'
import type { RowStatements } from './row-statements.ts'
import { Sender } from './sender.ts'
import type { Work, WorkOrFailure } from './work.ts'

/**
 * A table of Apache Cassandra as a target. Each change carries its record's version as its timestamp, and
 * Cassandra keeps the newest of every cell: whatever comes late, twice or out of order changes nothing.
 *
 * Throws `ERR_CONFIG` for options that are wrong. A table that does not fit them is told when the target
 * is opened: it is unavailable then, and looked at again with each probe.
 *
 * @example
 * const client = new Client({ contactPoints: ['10.0.0.5'], localDataCenter: 'dc1' })
 * const target = cassandraTarget({ client, table: 'media.titles', key: ['id'] })
 */
export function cassandraTarget<P = unknown>(options: CassandraTargetOptions<P>): Target<P> {
  return new CassandraTarget(resolveOptions(options))
}

class CassandraTarget<P> implements Target<P> {
  readonly idempotency: Target['idempotency']
  /** Cells have timestamps of their own. What statements of one's own do is not known here. */
  readonly guardsFields: boolean
  /** Only where a record's key can say which row is meant. */
  readonly read?: NonNullable<Target['read']>
  readonly #settings: CassandraSettings<P>
  readonly #table: LiveTable<P> | undefined
  readonly #custom: CustomStatements<P> | undefined
  readonly #sender: Sender
  readonly #probe: Probe<P>

  constructor(settings: CassandraSettings<P>) {
    const { table, statement, unsafe } = settings
    this.#settings = settings
    this.idempotency = unsafe ? 'none' : 'version'
    this.guardsFields = table !== undefined && !unsafe
    this.#table = table && new LiveTable(settings, table)
    this.#custom = statement && new CustomStatements(settings, statement)
    this.#sender = new Sender(settings)
    this.#probe = new Probe({
      sender: this.#sender,
      isIdempotent: !unsafe,
      workOf: (record) => this.#workOf(record),
      isOutage: async (error, work) => (await this.#judge(error, work)).status === 'unavailable',
    })
    const live = this.#table
    if (live) this.read = (key, { signal }) => this.#read(live, key, signal)
  }

  async open(): Promise<void> {
    try {
      if (this.#table === undefined) await this.#settings.client.connect()
      else await this.#table.load()
    } catch (error) {
      throw isWalError(error) ? error : unreachable(error)
    }
  }

  async apply(
    records: readonly WalRecord<P>[],
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly Outcome[]> {
    const outcomes = records.map((): Outcome | undefined => undefined)
    await Promise.race([this.#applyAll(records, outcomes, signal), aborted(signal)])
    const isTimeout = (signal.reason as Partial<Error> | undefined)?.name === 'TimeoutError'
    // As the wal closes, what is not known is nobody's failure; after a time-out it is that of these records.
    if (outcomes.includes(undefined) && !isTimeout) signal.throwIfAborted()
    return outcomes.map((outcome) => outcome ?? unanswered)
  }

  validate(record: WalRecord<P>): string | undefined {
    if (this.#custom !== undefined) return this.#custom.objection(record)
    const statements = this.#table?.statements
    const work = statements && rowWork(statements, record)
    if (work === undefined || !('status' in work) || work.status !== 'permanent') return undefined
    // A column that was added meanwhile: the next such write will find it.
    if (work.code === 'unknown_field') this.#table?.recheckSoon()
    return work.message
  }

  async health({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    await orAborted(this.#probe.look(), signal).catch((error: unknown) => {
      signal.throwIfAborted()
      throw unreachable(error)
    })
  }

  async remembersDeletesMs(): Promise<number> {
    const { remembersDeletesMs } = this.#settings
    if (remembersDeletesMs !== undefined) return remembersDeletesMs
    const spans = [await this.#table?.gcGraceMs(), await this.#custom?.gcGraceMs()]
    const known = spans.filter((ms) => ms !== undefined)
    if (known.length === 0) throw unknownMemory()
    return Math.min(...known)
  }

  async #read(table: LiveTable<P>, key: string, signal: AbortSignal): Promise<unknown> {
    const statements = await orAborted(table.load(), signal)
    const select = statements.readOf(key)
    if (select === undefined) {
      const message = "The record's key does not say which row is meant: give `keyOf`."
      throw new WalError('ERR_NOT_SUPPORTED', message)
    }
    const { rows = [] } = await orAborted(this.#sender.read(select), signal)
    return rows[0] && statements.payloadOf(rows[0])
  }

  async #applyAll(
    records: readonly WalRecord<P>[],
    outcomes: (Outcome | undefined)[],
    signal: AbortSignal,
  ): Promise<void> {
    const works: Work[] = []
    const places: number[] = []
    const blind: number[] = []
    const found = await Promise.all(records.map((record) => this.#workOf(record)))
    for (const [place, work] of found.entries()) {
      if ('status' in work) {
        outcomes[place] = work
        continue
      }
      places.push(place)
      works.push(work)
    }
    await this.#sender.send(works, {
      signal,
      judge: (error, work) => this.#judge(error, work),
      settle: (at, outcome) => {
        const place = places[at] ?? -1
        const record = records[place]
        outcomes[place] = outcome
        if (outcome.status !== 'unavailable' || record === undefined) return
        const probe = works[at]?.probe
        if (this.#probe.isBlind(probe)) blind.push(place)
        else this.#probe.failed(record, probe)
      },
    })
    if (blind.length > 0) await this.#holdBack(blind, outcomes)
  }

  /**
   * Whether these can be written by now nobody can ask. Were it an outage, any node's answer would end it,
   * and they be taken for what brings the target down: while one answers they wait by themselves.
   */
  async #holdBack(places: readonly number[], outcomes: (Outcome | undefined)[]): Promise<void> {
    const isThere = await this.#probe.anyNode().then(
      () => true,
      () => false,
    )
    if (!isThere) return
    for (const place of places) {
      const outcome = outcomes[place]
      if (outcome?.status !== 'unavailable') continue
      const { code, message, cause } = outcome
      outcomes[place] = held(code, message, { cause })
    }
  }

  async #workOf(record: WalRecord<P>): Promise<WorkOrFailure> {
    try {
      if (this.#custom !== undefined) return await this.#custom.workOf(record)
      const table = this.#table as LiveTable<P>
      const work = rowWork(await table.load(), record)
      if (!('status' in work) || work.code !== 'unknown_field') return work
      await table.recheck()
      return rowWork(await table.load(), record)
    } catch (error) {
      return this.#tableFailure(error)
    }
  }

  /** What is to be said of a statement that failed. The table may be to blame, rather than the record. */
  async #judge(error: unknown, { madeBy }: Work): Promise<Outcome> {
    const outcome = outcomeOf(error)
    if (outcome.code === 'unauthorized') return this.#ofTable(outcome)
    if (!classOf(error).doubtful) return outcome
    try {
      await this.#custom?.recheck()
      await this.#table?.recheck()
    } catch (cause) {
      return this.#tableFailure(cause)
    }
    // The node that was asked has not heard yet of a table that is listed already.
    if (saysGone(outcome)) {
      return this.#ofTable(unavailable('table_unknown', outcome.message, { cause: error }))
    }
    const isOld = this.#custom === undefined && madeBy !== this.#table?.statements
    return isOld ? transient('table_changed', `The table has changed: ${outcome.message}`) : outcome
  }

  /** Where the table could not be looked at, or does not fit: nothing that a record could do about it. */
  #tableFailure(error: unknown): FailureOutcome {
    if (!isWalError(error)) return outcomeOf(error)
    return this.#ofTable(unavailable('table_mismatch', error.message, { cause: error }))
  }

  /**
   * What ails the one table ails the target: it waits. Where each record may name a table of its own, one
   * that is missing must not hold up the others.
   */
  #ofTable(failure: FailureOutcome): FailureOutcome {
    const { code, message, cause } = failure
    return this.#custom === undefined ? failure : transient(code, message, { cause })
  }
}

/** Cassandra 4 says "unconfigured table". There is no code for it but that of all that is invalid. */
function saysGone({ code, message }: FailureOutcome): boolean {
  return (
    code === 'invalid' &&
    /^unconfigured table|^(?:table|keyspace) \S+ does not exist/i.test(message)
  )
}

const unanswered = transient(
  'timeout',
  'Cassandra did not answer in time; it may have been written.',
)

/** A guess that is too long would let a replay bring back what was deleted. */
function unknownMemory(): WalError {
  const message =
    'no statement of this process has named a table that is there, and each table has its own time. Give `remembersDeletes`.'
  return new WalError('ERR_UNAVAILABLE', message, { retryable: true })
}

/** An error of the driver as one that says in words what it is. */
function unreachable(cause: unknown): WalError {
  const { code, message } = outcomeOf(cause)
  return new WalError('ERR_UNAVAILABLE', `${code}: ${message}`, { cause, retryable: true })
}

/** The work of a record by a mapping, where the functions among the options may throw. */
function rowWork<P>(statements: RowStatements<P>, record: WalRecord<P>): WorkOrFailure {
  try {
    return statements.workOf(record)
  } catch (cause) {
    const message = (cause as Partial<Error>).message ?? String(cause)
    if (isWalError(cause)) return permanent('bad_ttl', message, { cause })
    if (cause instanceof RangeError) return permanent('unencodable', message, { cause })
    return transient('function_failed', message, { cause })
  }
}

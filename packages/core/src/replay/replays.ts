import { type Clock, sleep } from '../clock.ts'
import { isWalError, WalError } from '../errors.ts'
import type { SendOutcome } from '../producer/producer.ts'
import type { PastReader, PastRecord } from '../queue/past.ts'
import type { Queue } from '../queue/queue.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import type { Target } from '../target/target.ts'
import { checkReplay } from './check-replay.ts'
import type { ReplayOptions, ReplayReport } from './replay.ts'
import { ReplayError } from './replay-error.ts'

/** Lets records go in an even flow. */
export interface ReplayPace {
  /** How many of the wanted records may go now; 0 if it is better to wait for `waitMs`. */
  allowed(wanted: number): number
  /** Time until some of the wanted records may go, in ms. */
  waitMs(wanted: number): number
  /** So many records go. */
  spend(records: number): void
}

/** What {@link Replays} needs of its namespace. */
export interface ReplaysContext {
  readonly namespace: string
  readonly queue: Queue
  readonly targets: Readonly<Record<string, Pick<Target, 'idempotency'>>>
  readonly clock: Clock
  /** Decodes a record for `omit`; throws where that cannot be done. */
  decode(record: StoredRecord): WalRecord
  /** One outcome per record, in order. */
  send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]>
  pace(perSecond: number): ReplayPace
}

type PassedOver = keyof ReplayReport['passedOver']
type Counts = {
  -readonly [K in 'read' | 'sent' | 'omitted']: number
} & { readonly passedOver: Record<PassedOver, number> }

/** Read and sent at a time. */
const batchRecords = 500
const batchBytes = 1024 * 1024

/** Tries of one send, for a queue that is overloaded or does not answer for a while. */
const sendTries = 10
/** Wait before the second of them, in ms; doubles with each, up to the longest. */
const minSendDelayMs = 50
const maxSendDelayMs = 5_000

/**
 * Applies past ranges of the log again: reads the records outside of every target's progress, and
 * sends each once more through the namespace's producer, for its one target, with its id and its
 * version. So a replay is as durable, ordered and bounded as writes are, and goes nowhere else.
 *
 * Records go in the order in which they were stored, a batch once the one before is durable. What is
 * behind the position of the report is durable; a replay that is cut short goes on from there, and
 * sends at most a batch twice.
 */
export class Replays {
  readonly #context: ReplaysContext
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(context: ReplaysContext) {
    this.#context = context
  }

  /** See `Namespace.replay`. */
  async run(options: ReplayOptions): Promise<ReplayReport> {
    const range = checkReplay(options)
    const opened = this.#check(options)
    const running = opened(range).then((reader) => this.#replay(reader, options))
    this.#running.add(running)
    try {
      return await running
    } finally {
      this.#running.delete(running)
    }
  }

  /** Ends those that are under way; resolves once none is. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.allSettled(this.#running)
  }

  #check({ target, force, dryRun }: ReplayOptions): NonNullable<Queue['pastReader']> {
    const { namespace, queue, targets } = this.#context
    if (!Object.hasOwn(targets, target)) {
      const names = Object.keys(targets).join(', ')
      throw new WalError(
        'ERR_UNKNOWN_TARGET',
        `Namespace '${namespace}' has no target '${target}' to replay to; there is ${names}.`,
      )
    }
    if (queue.pastReader === undefined) {
      throw new WalError(
        'ERR_NOT_SUPPORTED',
        `Namespace '${namespace}' cannot be replayed: a ${queue.kind} queue (namespaces.${namespace}.queue) ` +
          'does not keep records for it. Use a queue that does, such as the embedded log.',
      )
    }
    const idempotency = targets[target]?.idempotency
    if (idempotency !== 'version' && !force && !dryRun) {
      throw new WalError(
        'ERR_REPLAY_UNGUARDED',
        `Target '${target}' of namespace '${namespace}' says idempotency '${idempotency}': a record that is ` +
          'replayed may undo a newer one of its key, or be taken for one it has had. `force` replays all the same.',
      )
    }
    return queue.pastReader.bind(queue)
  }

  async #replay(reader: PastReader, options: ReplayOptions): Promise<ReplayReport> {
    const counts: Counts = {
      read: 0,
      sent: 0,
      omitted: 0,
      passedOver: { otherTarget: 0, repeats: 0, delayed: 0 },
    }
    let { position } = reader
    const report = (complete: boolean): ReplayReport => ({
      ...counts,
      passedOver: { ...counts.passedOver },
      complete,
      position,
    })
    const signal = options.signal
      ? AbortSignal.any([options.signal, this.#closing.signal])
      : this.#closing.signal
    const pace = options.rate && this.#context.pace(options.rate.perSecond)
    try {
      while (!signal.aborted) {
        const limits = { maxRecords: batchRecords, maxBytes: batchBytes, signal }
        const past = await reader.read(limits)
        const batch: Counts = { ...counts, passedOver: { ...counts.passedOver } }
        const records = this.#chosen(past, options, batch)
        if (!options.dryRun) await this.#sendAll(records, pace, signal)
        if (signal.aborted && records.length > 0 && !options.dryRun) break
        Object.assign(counts, batch)
        position = reader.position
        if (past.length === 0) return report(true)
        options.onProgress?.(report(false))
      }
    } catch (error) {
      const isAsked = isWalError(error) && error.code === 'ERR_ABORTED' && signal.aborted
      if (!isAsked) throw new ReplayError(this.#context.namespace, report(false), error)
    } finally {
      await reader.close()
    }
    if (!this.#closing.signal.aborted) return report(false)
    const closed = new WalError('ERR_CLOSED', 'The namespace was closed.')
    throw new ReplayError(this.#context.namespace, report(false), closed)
  }

  /** What is to be sent of these, in order; counts all of them. */
  #chosen(
    past: readonly PastRecord[],
    options: ReplayOptions,
    counts: Counts,
  ): readonly StoredRecord[] {
    const chosen: StoredRecord[] = []
    for (const { record } of past) {
      counts.read++
      const why = this.#passesOver(record, options)
      if (why !== undefined) counts.passedOver[why]++
      else if (this.#isOmitted(record, options)) counts.omitted++
      else {
        counts.sent++
        chosen.push(replayed(record, options.target))
      }
    }
    return chosen
  }

  #passesOver(record: StoredRecord, { target, delayed }: ReplayOptions): PassedOver | undefined {
    const { queue, clock } = this.#context
    const { dueAt, writtenAt } = record
    if (record.target !== undefined && record.target !== target) return 'otherTarget'
    if (record.attemptEpoch > 0) return 'repeats'
    if (dueAt === undefined || (dueAt <= writtenAt && dueAt <= clock.now())) return undefined
    const isWanted = delayed ?? queue.recall === undefined
    return isWanted && dueAt <= clock.now() ? undefined : 'delayed'
  }

  #isOmitted(record: StoredRecord, { omit }: ReplayOptions): boolean {
    if (omit === undefined) return false
    const decoded = this.#decoded(record)
    return decoded !== undefined && isTrue(omit(decoded))
  }

  /** Undefined for bytes that cannot be decoded: they go, and are for delivery to judge. */
  #decoded(record: StoredRecord): WalRecord | undefined {
    try {
      return this.#context.decode(record)
    } catch {
      return undefined
    }
  }

  /** Resolves once all are durable, or early when the signal aborts. */
  async #sendAll(
    records: readonly StoredRecord[],
    pace: ReplayPace | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    let rest = records
    while (rest.length > 0 && !signal.aborted) {
      const allowed = pace ? pace.allowed(rest.length) : rest.length
      if (allowed === 0) {
        await sleep(this.#context.clock, pace?.waitMs(rest.length) ?? 0, signal)
        continue
      }
      pace?.spend(allowed)
      await this.#sendDurably(rest.slice(0, allowed), signal)
      rest = rest.slice(allowed)
    }
  }

  /** Sends again from the first that is not durable on, so that the last of a key stays the last. */
  async #sendDurably(records: readonly StoredRecord[], signal: AbortSignal): Promise<void> {
    let rest = records
    for (let tries = 1; ; tries++) {
      const outcomes = await this.#context.send(rest)
      const failed = rest.findIndex((_, index) => outcomes[index]?.durable !== 'yes')
      if (failed === -1) return
      const { error, durable } = outcomes[failed] ?? {}
      rest = rest.slice(failed)
      const isWorthIt = durable !== 'no' || error?.retryable === true
      if (!isWorthIt || tries === sendTries) throw error ?? notAnswered(rest[0])
      const delayMs = Math.min(maxSendDelayMs, minSendDelayMs * 2 ** (tries - 1))
      await sleep(this.#context.clock, delayMs, signal)
      if (signal.aborted) throw new WalError('ERR_ABORTED', 'The replay was aborted.')
    }
  }
}

/** The record once more, for its one target, as the next attempt epoch. What was delayed is due. */
function replayed(record: StoredRecord, target: string): StoredRecord {
  return { ...record, target, dueAt: undefined, attemptEpoch: record.attemptEpoch + 1 }
}

/** A promise would be true whatever it comes to. */
function isTrue(answer: unknown): boolean {
  if (typeof answer === 'boolean' || answer === undefined) return answer === true
  if (answer instanceof Promise) answer.catch(() => {})
  throw new TypeError('`omit` must answer true or false, and not in a promise.')
}

function notAnswered(record: StoredRecord | undefined): WalError {
  return new WalError('ERR_NOT_DURABLE', `The queue did not answer for record ${record?.id}.`, {
    retryable: true,
  })
}

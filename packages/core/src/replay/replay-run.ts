import { sleep } from '../clock.ts'
import { isWalError, WalError } from '../errors.ts'
import type { PastRange, PastReader, PastRecord } from '../queue/past.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import { DeleteMemory } from './delete-memory.ts'
import type { ReplayOptions, ReplayReport } from './replay.ts'
import type { ReplayPace, ReplaysContext } from './replay-context.ts'
import { ReplayError } from './replay-error.ts'
import { Restamp } from './restamp.ts'

type PassedOver = keyof ReplayReport['passedOver']

/** Read and sent at a time. */
const batchRecords = 500
const batchBytes = 1024 * 1024

/** Tries of one record, for a queue that is overloaded or does not answer for a while. */
const sendTries = 10
/** Wait before the second of them, in ms; doubles with each, up to the longest. */
const minSendDelayMs = 50
const maxSendDelayMs = 5_000

const nothing = {
  read: 0,
  sent: 0,
  omitted: 0,
  passedOver: { otherTarget: 0, repeats: 0, delayed: 0 },
}

/** One replay. Opened with its reader, so that nothing of the range goes before it has been read. */
export class ReplayRun {
  readonly #context: ReplaysContext
  readonly #options: ReplayOptions
  readonly #signal: AbortSignal
  readonly #pace: ReplayPace | undefined
  readonly #memory: DeleteMemory | undefined
  #reader: PastReader
  #counts: Omit<ReplayReport, 'complete' | 'position'> = nothing
  #position: string
  #restamp: Restamp | undefined

  static async open(
    context: ReplaysContext,
    options: ReplayOptions,
    range: PastRange,
    closing: AbortSignal,
  ): Promise<ReplayRun> {
    const signal = options.signal ? AbortSignal.any([options.signal, closing]) : closing
    const memory = await DeleteMemory.of(context, options, signal)
    return new ReplayRun(context, options, { signal, memory }, await openPast(context, range))
  }

  private constructor(
    context: ReplaysContext,
    options: ReplayOptions,
    { signal, memory }: { signal: AbortSignal; memory: DeleteMemory | undefined },
    reader: PastReader,
  ) {
    this.#context = context
    this.#options = options
    this.#signal = signal
    this.#memory = memory
    this.#pace = options.rate && context.pace(options.rate.perSecond)
    this.#reader = reader
    this.#position = reader.position
  }

  /** Rejects with `ReplayError`, with `ERR_REPLAY_TOO_OLD` where nothing was sent; where the signal aborts, resolves with `complete: false`. */
  async run(range: PastRange): Promise<ReplayReport> {
    try {
      if (this.#options.restamp) await this.#reserve(range)
      await this.#readAll(this.#reader, (past) => this.#replay(past))
      if (this.#restamp) await this.#replayFollowing(this.#restamp)
      this.#position = this.#reader.position
      return this.#report(true)
    } catch (error) {
      const isAsked = isWalError(error) && error.code === 'ERR_ABORTED' && this.#signal.aborted
      if (isAsked) return this.#report(false)
      const isRefused = isWalError(error) && error.code === 'ERR_REPLAY_TOO_OLD'
      if (isRefused && this.#counts.sent === 0) throw error
      throw new ReplayError(this.#context.namespace, this.#report(false), error)
    } finally {
      await this.#reader.close()
    }
  }

  #report(complete: boolean): ReplayReport {
    return { ...this.#counts, complete, position: this.#position }
  }

  async #reserve(range: PastRange): Promise<void> {
    const { versions, clock } = this.#context
    this.#restamp = await Restamp.reserve(
      { versions, open: (part) => openPast(this.#context, part), now: () => clock.now() },
      range,
      (reader, use) => this.#readAll(reader, use),
      (record) => this.#passesOver(record) === undefined && !this.#isOmitted(record),
    )
  }

  /** Behind the range: also what was on its way when the versions were reserved. */
  async #replayFollowing(restamp: Restamp): Promise<void> {
    const inRange = this.#reader
    const { position } = inRange
    this.#reader = await openPast(this.#context, { from: { position }, to: undefined })
    await inRange.close()
    await this.#readAll(this.#reader, (past) =>
      this.#replay(past.filter(({ record }) => restamp.follows(record))),
    )
  }

  /** Rejects with `ERR_ABORTED` once the signal has aborted. */
  async #readAll(
    reader: PastReader,
    use: (past: readonly PastRecord[]) => void | Promise<void>,
  ): Promise<void> {
    const limits = { maxRecords: batchRecords, maxBytes: batchBytes, signal: this.#signal }
    for (;;) {
      if (this.#signal.aborted) throw aborted()
      const past = await reader.read(limits)
      if (past.length === 0) return
      await use(past)
    }
  }

  /** Counts the records once those of them that go are durable. */
  async #replay(past: readonly PastRecord[]): Promise<void> {
    const counts = { ...this.#counts, passedOver: { ...this.#counts.passedOver } }
    const chosen: PastRecord[] = []
    for (const one of past) {
      counts.read++
      const why = this.#passesOver(one.record)
      if (why !== undefined) counts.passedOver[why]++
      else if (this.#isOmitted(one.record)) counts.omitted++
      else if (one.record.transaction !== undefined) throw this.#cannotReplay(one.record)
      else chosen.push(one)
    }
    this.#memory?.check(chosen)
    counts.sent += chosen.length
    const copies = chosen.map(({ record }) => this.#replayed(record))
    if (!this.#options.dryRun) await this.#sendAll(copies)
    this.#counts = counts
    // Restamped anew, those that were sent must not stay below what they were sent before.
    if (this.#restamp === undefined) this.#position = this.#reader.position
    this.#options.onProgress?.(this.#report(false))
  }

  /** Its mutations are gone once they are applied. To pass over it in silence would leave a hole. */
  #cannotReplay({ id }: StoredRecord): WalError {
    return new WalError(
      'ERR_NOT_SUPPORTED',
      `Transaction ${id} cannot be replayed: its mutations are not kept once they are applied. Bring what it has changed up to date ` +
        'from elsewhere, leave it out by `omit` (its id is that of the record), and replay the rest.',
    )
  }

  /** The record once more, for its one target, as the next attempt epoch. What was delayed is due. */
  #replayed(record: StoredRecord): StoredRecord {
    const { target } = this.#options
    const copy = { ...record, target, dueAt: undefined, attemptEpoch: record.attemptEpoch + 1 }
    return this.#restamp ? this.#restamp.stamp(copy) : copy
  }

  #passesOver(record: StoredRecord): PassedOver | undefined {
    const { queue, clock } = this.#context
    const { target, delayed } = this.#options
    const { dueAt, writtenAt } = record
    if (record.target !== undefined && record.target !== target) return 'otherTarget'
    if (!this.#context.concerns(record, target)) return 'otherTarget'
    if (record.attemptEpoch > 0) return 'repeats'
    if (dueAt === undefined || (dueAt <= writtenAt && dueAt <= clock.now())) return undefined
    const isWanted = delayed ?? queue.recall === undefined
    return isWanted && dueAt <= clock.now() ? undefined : 'delayed'
  }

  #isOmitted(record: StoredRecord): boolean {
    const { omit } = this.#options
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

  /** Resolves once all are durable. */
  async #sendAll(records: readonly StoredRecord[]): Promise<void> {
    const pace = this.#pace
    let rest = records
    while (rest.length > 0) {
      if (this.#signal.aborted) throw aborted()
      const allowed = pace ? pace.allowed(rest.length) : rest.length
      if (allowed === 0) {
        await sleep(this.#context.clock, pace?.waitMs(rest.length) ?? 0, this.#signal)
        continue
      }
      pace?.spend(allowed)
      await this.#sendDurably(rest.slice(0, allowed))
      rest = rest.slice(allowed)
    }
  }

  /** Sends again from the first that is not durable on, so that the last of a key stays the last. */
  async #sendDurably(records: readonly StoredRecord[]): Promise<void> {
    let rest = records
    for (let tries = 0; ; ) {
      const outcomes = await this.#context.send(rest)
      const failed = rest.findIndex((_, index) => outcomes[index]?.durable !== 'yes')
      if (failed === -1) return
      const { error, durable } = outcomes[failed] ?? {}
      tries = failed === 0 ? tries + 1 : 1
      rest = rest.slice(failed)
      const isWorthIt = durable !== 'no' || error?.retryable === true
      if (!isWorthIt || tries === sendTries) throw error ?? notAnswered(rest[0])
      const delayMs = Math.min(maxSendDelayMs, minSendDelayMs * 2 ** (tries - 1))
      await sleep(this.#context.clock, delayMs, this.#signal)
      if (this.#signal.aborted) throw aborted()
    }
  }
}

function openPast({ queue }: ReplaysContext, range: PastRange): Promise<PastReader> {
  return queue.pastReader?.(range) ?? Promise.reject(new TypeError('No reader of the past.'))
}

function aborted(): WalError {
  return new WalError('ERR_ABORTED', 'The replay was aborted.')
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

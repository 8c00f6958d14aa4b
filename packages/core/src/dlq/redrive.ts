import pRetry from 'p-retry'
import { type Clock, sleep } from '../clock.ts'
import { reasonOf } from '../error-text.ts'
import { isWalError, WalError } from '../errors.ts'
import type { SendOutcome } from '../producer/producer.ts'
import type { StoredRecord } from '../record.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { DeadLetterQueue, StoredDeadLetter } from './dlq.ts'

/**
 * What may be changed before a record is tried again. Its id, key and version stay. What is left
 * out or undefined stays as well.
 */
export interface RedriveEdit<P> {
  /**
   * The payload as targets see it, after the schema: it is encoded as it is, and the schema is not
   * run again. The letter's target must not refuse it by `validate`.
   */
  readonly payload?: P | Partial<P> | undefined
  /** In place of all of its headers; checked as in a write. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** How letters are put back. */
export interface RedriveOptions<P = unknown> {
  /**
   * Mends a letter's record; undefined leaves it as it is. Not async: what is awaited is awaited
   * before. A letter whose edit throws, or is refused, stays and is reported: so does that of a parked
   * transaction, whose mutations are sealed, unless the edit leaves it as it is.
   */
  readonly edit?: ((letter: DeadLetter<P>) => RedriveEdit<P> | undefined) | undefined
  /** True: say what would be redriven, and change nothing. */
  readonly dryRun?: boolean | undefined
  /**
   * At most so many letters a second, so that a store that has just come back is not overrun. Default: as fast as
   * the queue takes them.
   */
  readonly rate?: { readonly perSecond: number } | undefined
  /** Ends the work after the letter at hand, or in the wait for the next one; so does closing the wal. */
  readonly signal?: AbortSignal | undefined
  /** Told after each letter. What it throws ends the redrive: it rejects with that. */
  readonly onProgress?: ((progress: RedriveProgress) => void) | undefined
}

/** How far a redrive has come. */
export interface RedriveProgress {
  /** Letters that are back in the queue by now, or would be in a dry run. */
  readonly redriven: number
  /** Letters that were tried and stay. */
  readonly failed: number
}

/** What became of the letters selected. */
export interface RedriveReport {
  /** Ids of the letters that are back in the queue, or would be in a dry run. */
  readonly redriven: readonly string[]
  /** Letters that stay, and why. */
  readonly failed: readonly { readonly id: string; readonly error: WalError }[]
  /**
   * True where the letters lie in a queue that cannot list them, and `'all'` or a filter meant letters that a look may
   * not have seen: redrive again. Never where they lie in a directory, a topic or a store.
   */
  readonly cut?: boolean | undefined
}

/** What redriving needs of its namespace. */
export interface Redrive {
  readonly queue: DeadLetterQueue
  readonly clock: Clock
  present(letter: StoredDeadLetter): DeadLetter
  /** False for the target of an old letter that the configuration no longer has. */
  hasTarget(target: string): boolean
  /** The letter's record with what was edited, checked and encoded; throws if that is refused. */
  mend(letter: DeadLetter, edit: RedriveEdit<unknown>): StoredRecord
  send(record: StoredRecord): Promise<SendOutcome>
  /** Tells delivery that a copy of this letter's record is in the queue, or may be if that is not certain. */
  expect(letter: StoredDeadLetter, isCertain: boolean): void
  /** Whether a copy of the record of a letter that holds its key is on its way, or may be. */
  isUnderWay(letter: StoredDeadLetter): Promise<boolean>
  /**
   * True where letters hold their keys back: a letter then stays until delivery is done with the
   * copy, lest a crash in between let the records go first that wait for it.
   */
  readonly lettersHoldKeys: boolean
  /** Keeps a rate of so many letters a second. */
  pace(perSecond: number): RedrivePace
  /** Aborted when the namespace is closed. */
  readonly closing: AbortSignal
  /** By id, the letters that a call is at work on, and that work: another one leaves them alone, and a close waits for it. */
  readonly claimed: Map<string, Promise<unknown>>
}

/** A rate that is kept: see `RateLimit`. */
export interface RedrivePace {
  allowed(wanted: number): number
  waitMs(wanted: number): number
  spend(letters: number): void
}

/** In-place tries of one send, for a hiccup of the queue. */
const sendTries = 3

/** Wait before the second of them, in ms; doubles with each. */
const minSendDelayMs = 50

/** Puts letters back, one after the other so that their order is kept. */
export async function redriveLetters(
  redrive: Redrive,
  letters: AsyncIterable<StoredDeadLetter>,
  options: RedriveOptions,
): Promise<RedriveReport> {
  const redriven: string[] = []
  const failed: { id: string; error: WalError }[] = []
  const { dryRun, rate, onProgress } = options
  const signal = options.signal
    ? AbortSignal.any([options.signal, redrive.closing])
    : redrive.closing
  const pace = rate && !dryRun ? redrive.pace(rate.perSecond) : undefined
  for await (const letter of letters) {
    if (pace !== undefined) await itsTurn(pace, redrive.clock, signal)
    if (signal.aborted) break
    try {
      await withLetter(redrive, letter, async () => {
        // It was read before its turn, and may have been discarded or redriven since.
        if ((await redrive.queue.get(letter.id)) === undefined) throw notFound(letter.id)
        const record = redrivenRecord(redrive, letter, options)
        if (!dryRun) await putBack(redrive, letter, record, signal)
      })
      redriven.push(letter.id)
    } catch (error) {
      failed.push({ id: letter.id, error: asWalError(error) })
    }
    onProgress?.({ redriven: redriven.length, failed: failed.length })
  }
  return { redriven, failed }
}

/** Resolves once the next letter may go, or the signal has aborted. */
async function itsTurn(pace: RedrivePace, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && pace.allowed(1) === 0) await sleep(clock, pace.waitMs(1), signal)
  pace.spend(1)
}

/**
 * Does something to a letter that stands for its record. Rejects with `ERR_REDRIVE_UNDER_WAY` where
 * the record is on its way back already: a second copy would be applied after the first, late, and
 * a letter that is discarded would be applied all the same.
 */
export async function withLetter<T>(
  redrive: Pick<Redrive, 'lettersHoldKeys' | 'isUnderWay' | 'claimed'>,
  letter: StoredDeadLetter,
  work: () => Promise<T>,
): Promise<T> {
  const { claimed, lettersHoldKeys } = redrive
  if (claimed.has(letter.id)) throw underWay(letter)
  const working = (async () => {
    if (lettersHoldKeys && (await redrive.isUnderWay(letter))) throw underWay(letter)
    return work()
  })()
  claimed.set(letter.id, working)
  try {
    return await working
  } finally {
    claimed.delete(letter.id)
  }
}

/** The letter's record as a new attempt epoch, for its one target, due at once. */
function redrivenRecord(
  redrive: Redrive,
  letter: StoredDeadLetter,
  { edit }: RedriveOptions,
): StoredRecord {
  if (!redrive.hasTarget(letter.target)) throw unknownTarget(letter)
  if (letter.damaged) throw new WalError('ERR_CORRUPT_LOG', `${letter.message} It stays.`)
  const record = edit === undefined ? letter.record : editedRecord(redrive, letter, edit)
  return {
    ...record,
    target: letter.target,
    dueAt: undefined,
    attemptEpoch: record.attemptEpoch + 1,
  }
}

function editedRecord(
  redrive: Redrive,
  letter: StoredDeadLetter,
  edit: NonNullable<RedriveOptions['edit']>,
): StoredRecord {
  const presented = redrive.present(letter)
  const edited = callEdit(edit, presented)
  if (edited === undefined) return letter.record
  checkEdit(letter.id, edited)
  if (letter.record.transaction?.id === letter.record.id) throw sealed(letter)
  return redrive.mend(presented, edited)
}

function callEdit(
  edit: NonNullable<RedriveOptions['edit']>,
  letter: DeadLetter,
): RedriveEdit<unknown> | undefined {
  try {
    return edit(letter)
  } catch (error) {
    if (isWalError(error)) throw error
    throw new WalError(
      'ERR_INVALID_PAYLOAD',
      `The edit failed: ${reasonOf(error)}. The dead letter stays.`,
      {
        cause: error,
      },
    )
  }
}

/** An edit that would be passed over in silence puts the record back as it was, to fail again. */
function checkEdit(id: string, edit: object): void {
  if (typeof edit !== 'object' || edit === null) {
    throw refusedEdit(id, `gave ${String(edit)}; it gives an object, or undefined to leave all`)
  }
  if ('then' in edit) {
    Promise.resolve(edit).catch(() => {})
    throw refusedEdit(id, 'gave a promise; await what it needs before the redrive')
  }
  const unknown = Object.keys(edit).find((name) => name !== 'payload' && name !== 'headers')
  if (unknown === undefined) return
  throw refusedEdit(id, `sets '${unknown}'; only payload and headers can be changed`)
}

function refusedEdit(id: string, reason: string): WalError {
  return new WalError('ERR_INVALID_RECORD', `The edit of dead letter ${id} ${reason}. It stays.`)
}

/** What there is to edit is the marker: the mutations are in the store, sealed with their checksum. */
function sealed({ id, record }: StoredDeadLetter): WalError {
  return refusedEdit(
    id,
    `cannot change a mutation of transaction ${record.transaction?.id}, which is sealed. Mend the target and redrive it ` +
      'without an edit; or discard it, and write what is left of it anew',
  )
}

/** Copy, then remove: a crash between leaves both, never neither. */
async function putBack(
  redrive: Redrive,
  letter: StoredDeadLetter,
  record: StoredRecord,
  signal: AbortSignal,
): Promise<void> {
  await pRetry(() => sendDurably(redrive, letter, record), {
    retries: sendTries - 1,
    // It waits by the machine's clock alone, so the wait is made here.
    minTimeout: 0,
    async shouldRetry({ error, retriesConsumed }) {
      if (!isWalError(error) || !error.retryable) return false
      await sleep(redrive.clock, minSendDelayMs * 2 ** retriesConsumed, signal)
      return !signal.aborted
    },
  })
  redrive.expect(letter, true)
  if (redrive.lettersHoldKeys) return
  try {
    await redrive.queue.remove([letter.id])
  } catch (error) {
    throw new WalError(
      isWalError(error) ? error.code : 'ERR_IO',
      `Record ${record.id} is back in the queue, but its dead letter could not be removed: ${reasonOf(error)}. Discard it, or a redrive sends the record once more.`,
      { cause: error, retryable: true },
    )
  }
}

async function sendDurably(
  redrive: Redrive,
  letter: StoredDeadLetter,
  record: StoredRecord,
): Promise<void> {
  const outcome = await redrive.send(record)
  if (outcome.durable === 'yes') return
  if (outcome.durable === 'unknown') redrive.expect(letter, false)
  throw new WalError(
    'ERR_NOT_DURABLE',
    `Record ${record.id} could not be put back; its dead letter stays. ${outcome.error?.message ?? ''}`,
    {
      cause: outcome.error,
      retryable: outcome.durable === 'no' && outcome.error?.retryable === true,
    },
  )
}

function underWay({ id }: StoredDeadLetter): WalError {
  return new WalError(
    'ERR_REDRIVE_UNDER_WAY',
    `Dead letter ${id} stays as it is: its record is on its way back to the target. It goes once that has been applied; if it fails again, there is a letter of that.`,
    { retryable: true },
  )
}

/** The error of a letter that is not there, or no longer. */
export function notFound(id: string): WalError {
  return new WalError(
    'ERR_DEAD_LETTER_NOT_FOUND',
    `There is no dead letter ${id}: it was redriven or discarded meanwhile`,
  )
}

/** Nobody would read the record, and its letter would be gone. */
function unknownTarget({ id, target }: StoredDeadLetter): WalError {
  return new WalError(
    'ERR_UNKNOWN_TARGET',
    `Dead letter ${id} is for target '${target}', which the namespace no longer has. It stays: discard it, or configure the target.`,
  )
}

/** Why a letter stays. */
export function asWalError(error: unknown): WalError {
  if (isWalError(error)) return error
  return new WalError(
    'ERR_IO',
    `It could not be redriven: ${reasonOf(error)}. The dead letter stays.`,
    {
      cause: error,
      retryable: true,
    },
  )
}

import pRetry from 'p-retry'
import { WalError } from '../errors.ts'
import type { SendOutcome } from '../producer/producer.ts'
import type { StoredRecord } from '../record.ts'
import type { DeadLetter } from './dead-letter.ts'
import type { DeadLetterQueue, StoredDeadLetter } from './dlq.ts'

/** What may be changed before a record is tried again. Its id, key and version stay. */
export interface RedriveEdit<P> {
  readonly payload?: P | Partial<P> | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** How letters are put back. */
export interface RedriveOptions<P = unknown> {
  /** Mends a letter's record; undefined leaves it as it is. */
  readonly edit?: ((letter: DeadLetter<P>) => RedriveEdit<P> | undefined) | undefined
  /** True: say what would be redriven, and change nothing. */
  readonly dryRun?: boolean | undefined
  /** Ends the work after the letter at hand. */
  readonly signal?: AbortSignal | undefined
}

/** What became of the letters selected. */
export interface RedriveReport {
  /** Ids of the letters that are back in the queue, or would be in a dry run. */
  readonly redriven: readonly string[]
  /** Letters that stay, and why. */
  readonly failed: readonly { readonly id: string; readonly error: WalError }[]
}

/** What redriving needs of its namespace. */
export interface Redrive {
  readonly queue: DeadLetterQueue
  present(letter: StoredDeadLetter): DeadLetter
  /** False for the target of an old letter that the configuration no longer has. */
  hasTarget(target: string): boolean
  /** Checks and encodes an edited payload. */
  encode(record: StoredRecord, payload: unknown): Promise<Uint8Array | undefined>
  send(record: StoredRecord): Promise<SendOutcome>
  /** Tells delivery that this letter's record is about to come again. */
  expect(letter: StoredDeadLetter): void
  /**
   * True where letters hold their keys back: a letter then stays until delivery is done with the
   * copy, lest a crash in between let the records go first that wait for it.
   */
  readonly lettersHoldKeys: boolean
}

/** In-place tries of one send, for a hiccup of the queue. */
const sendTries = 3

/** Puts letters back, one after the other so that their order is kept. */
export async function redriveLetters(
  redrive: Redrive,
  letters: AsyncIterable<StoredDeadLetter>,
  options: RedriveOptions,
): Promise<RedriveReport> {
  const redriven: string[] = []
  const failed: { id: string; error: WalError }[] = []
  for await (const letter of letters) {
    if (options.signal?.aborted) break
    try {
      const record = await redrivenRecord(redrive, letter, options)
      if (!options.dryRun) await putBack(redrive, letter, record)
      redriven.push(letter.id)
    } catch (error) {
      failed.push({ id: letter.id, error: asWalError(error) })
    }
  }
  return { redriven, failed }
}

/** The letter's record as a new attempt epoch, for its one target, due at once. */
async function redrivenRecord(
  redrive: Redrive,
  letter: StoredDeadLetter,
  { edit }: RedriveOptions,
): Promise<StoredRecord> {
  const { record, target } = letter
  if (!redrive.hasTarget(target)) throw unknownTarget(letter)
  const changes = edit?.(redrive.present(letter))
  const payload =
    changes?.payload === undefined ? record.payload : await redrive.encode(record, changes.payload)
  return {
    ...record,
    payload,
    headers: changes?.headers ?? record.headers,
    target,
    dueAt: undefined,
    attemptEpoch: record.attemptEpoch + 1,
  }
}

/** Copy, then remove: a crash between leaves both, never neither. */
async function putBack(
  redrive: Redrive,
  letter: StoredDeadLetter,
  record: StoredRecord,
): Promise<void> {
  await pRetry(() => sendDurably(redrive, record), {
    retries: sendTries - 1,
    minTimeout: 50,
    shouldRetry: ({ error }) => error instanceof WalError && error.retryable,
  })
  redrive.expect(letter)
  if (!redrive.lettersHoldKeys) await redrive.queue.remove([letter.id])
}

async function sendDurably(redrive: Redrive, record: StoredRecord): Promise<void> {
  const outcome = await redrive.send(record)
  if (outcome.durable === 'yes') return
  throw new WalError(
    'ERR_NOT_DURABLE',
    `Record ${record.id} could not be put back; its dead letter stays. ${outcome.error?.message ?? ''}`,
    {
      cause: outcome.error,
      retryable: outcome.durable === 'no' && outcome.error?.retryable === true,
    },
  )
}

/** Nobody would read the record, and its letter would be gone. */
function unknownTarget({ id, target }: StoredDeadLetter): WalError {
  return new WalError(
    'ERR_UNKNOWN_TARGET',
    `Dead letter ${id} is for target '${target}', which the namespace no longer has. It stays: discard it, or configure the target.`,
  )
}

function asWalError(error: unknown): WalError {
  if (error instanceof WalError) return error
  return new WalError('ERR_INVALID_PAYLOAD', `The edit failed: ${(error as Error).message}`, {
    cause: error,
  })
}

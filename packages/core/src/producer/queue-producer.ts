import type { Clock } from '../clock.ts'
import { reasonOf } from '../error-text.ts'
import { WalError } from '../errors.ts'
import { recordBytes, type StoredRecord } from '../record.ts'
import { Admission } from './admission.ts'
import { Deadlines } from './deadlines.ts'
import type { Producer, SendOutcome } from './producer.ts'
import { type Answer, Sending, type Waiting } from './sending.ts'
import { OverloadedError, type WriteBudget } from './write-budget.ts'

export interface QueueProducerOptions {
  readonly namespace: string
  readonly producer: Producer
  readonly clock: Clock
  /** Innermost first: the namespace's, then its shard's. */
  readonly budgets: readonly [WriteBudget, WriteBudget]
  readonly overload: 'wait' | 'shed'
  /** The time-out of writes that bring none of their own. */
  readonly timeoutMs: number
  readonly largestBatchRecords: number
  readonly largestBatchBytes: number
  /** Called when a write finds no room. */
  readonly onOverload: (waiting: boolean) => void
}

/** How long one write waits for its answer. */
export interface Patience {
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * True: it waits for room also where writes are shed, or the line is full. For what has been promised
   * already, or is read back one by one: who made it has nobody to shed it to.
   */
  readonly waits?: boolean | undefined
}

/** A hint for callers turned away: about the time a few groups take to reach the disk. */
const retryAfterMs = 100

/**
 * Stands between `write` and a queue's producer: bounds the bytes in flight, and answers
 * `'unknown'` when the queue does not answer in time. What is on its way then still counts against
 * the budget until the queue has let go of it.
 *
 * What most writes need is apart from what few do: a function that makes a closure takes memory for it
 * on each call, also where it returns before.
 */
export class QueueProducer {
  readonly #options: QueueProducerOptions
  readonly #deadlines: Deadlines<Waiting>
  readonly #idle: (() => void)[] = []
  readonly #admission: Admission
  #inFlight = 0
  #closed = false
  /** The promise the queue gave last, while it is open, and all that wait for it. */
  #last: Promise<readonly SendOutcome[]> | undefined
  #waitingForLast: Waiting[] = []

  constructor(options: QueueProducerOptions) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock, options.timeoutMs, (sending) =>
      sending.finish(allOf(sending.records, 'unknown', this.#timedOut(options.timeoutMs))),
    )
    this.#admission = new Admission(options.budgets)
  }

  /** Records sent and not yet answered by the queue. */
  get inFlightRecords(): number {
    return this.#inFlight
  }

  /** Writes waiting for room. */
  get waiting(): number {
    return this.#admission.waiting
  }

  /**
   * One outcome per record, in order, made by `answer` into what the caller wants: it is called
   * here because one promise more for each write is time. Rejects with what `answer` throws only.
   * `now` by the wall clock, where the caller has just read it.
   */
  send<R>(
    records: readonly StoredRecord[],
    patience: Patience,
    answer: Answer<R>,
    now?: number,
  ): Promise<R> {
    const bytes = bytesOf(records)
    return this.#isOneBatch(records.length, bytes)
      ? this.#sendBatch(records, bytes, patience, answer, now)
      : this.#sendInBatches(records, bytes, patience).then((outcomes) => answer(outcomes, records))
  }

  /** Takes no more; resolves once nothing is in flight, at the latest when the time is over. */
  async idle(longestMs: number): Promise<void> {
    this.#closed = true
    if (this.#inFlight === 0) return
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.setTimer(longestMs, resolve)
      this.#idle.push(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  /** Takes no more, and gives up the queue's producer. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#options.producer.close()
  }

  #isOneBatch(records: number, bytes: number): boolean {
    const { largestBatchRecords, largestBatchBytes } = this.#options
    if (records <= 1) return records === 1
    return records <= largestBatchRecords && bytes <= largestBatchBytes
  }

  async #sendInBatches(records: readonly StoredRecord[], bytes: number, patience: Patience) {
    // Once for all of them: they are in memory anyway, and belong together.
    const mayWait = this.#admission.mayWait(bytes)
    const sent: Promise<readonly SendOutcome[]>[] = []
    for (const batch of this.#batchesOf(records)) {
      sent.push(
        this.#sendBatch(batch.records, batch.bytes, patience, asTheyAre, undefined, mayWait),
      )
    }
    return (await Promise.all(sent)).flat()
  }

  *#batchesOf(
    records: readonly StoredRecord[],
  ): Generator<{ readonly records: readonly StoredRecord[]; readonly bytes: number }> {
    const { largestBatchRecords, largestBatchBytes } = this.#options
    let batch: StoredRecord[] = []
    let bytes = 0
    for (const record of records) {
      const more = recordBytes(record)
      const isFull = batch.length === largestBatchRecords || bytes + more > largestBatchBytes
      if (isFull && batch.length > 0) {
        yield { records: batch, bytes }
        batch = []
        bytes = 0
      }
      batch.push(record)
      bytes += more
    }
    if (batch.length > 0) yield { records: batch, bytes }
  }

  #sendBatch<R>(
    records: readonly StoredRecord[],
    bytes: number,
    patience: Patience,
    answer: Answer<R>,
    now?: number,
    mayWait?: boolean,
  ): Promise<R> {
    const isRefused = this.#closed || patience.signal?.aborted === true
    return !isRefused && this.#admission.tryTake(bytes)
      ? this.#sendAdmitted(records, bytes, patience, answer, now)
      : this.#refuseOrWait(records, bytes, patience, answer, mayWait)
  }

  #refuseOrWait<R>(
    records: readonly StoredRecord[],
    bytes: number,
    patience: Patience,
    answer: Answer<R>,
    mayWait: boolean | undefined,
  ): Promise<R> {
    const refusal = this.#refusal(patience)
    const sent = refusal
      ? Promise.resolve(allOf(records, 'no', refusal))
      : this.#sendWhenRoom(records, bytes, patience, mayWait ?? this.#admission.mayWait(bytes))
    return sent.then((outcomes) => answer(outcomes, records))
  }

  #refusal({ signal }: Patience): WalError | undefined {
    if (this.#closed) return closedError(this.#options)
    return signal?.aborted ? abortedError() : undefined
  }

  async #sendWhenRoom(
    records: readonly StoredRecord[],
    bytes: number,
    patience: Patience,
    mayWait: boolean,
  ) {
    const { overload, onOverload, clock } = this.#options
    const waits = patience.waits === true || (overload === 'wait' && mayWait)
    onOverload(waits)
    if (!waits) return allOf(records, 'no', this.#overloaded(bytes))
    const timeoutMs = patience.timeoutMs ?? this.#options.timeoutMs
    const deadline = new AbortController()
    const timer = clock.setTimer(timeoutMs, () => deadline.abort())
    const signal = patience.signal
      ? AbortSignal.any([patience.signal, deadline.signal])
      : deadline.signal
    const began = clock.monotonic()
    const sent = await this.#admission.whenRoom(bytes, signal, () => {
      const leftMs = Math.max(0, timeoutMs - (clock.monotonic() - began))
      // In an array, as a promise would be waited for, and the line with it.
      const rest = { ...patience, timeoutMs: leftMs }
      return [this.#sendAdmitted(records, bytes, rest, asTheyAre)] as const
    })
    timer.cancel()
    if (sent !== undefined) return sent[0]
    const error = patience.signal?.aborted ? abortedError() : this.#overloaded(bytes)
    return allOf(records, 'no', error)
  }

  #sendAdmitted<R>(
    records: readonly StoredRecord[],
    bytes: number,
    patience: Patience,
    answer: Answer<R>,
    now?: number,
  ): Promise<R> {
    const sending = new Sending(records, bytes, answer)
    if (isAsConfigured(patience)) this.#deadlines.add(sending, now)
    else this.#limitWait(sending, patience)
    this.#inFlight += records.length
    try {
      const sent = this.#options.producer.send(records, patience)
      if (sent === this.#last) this.#waitingForLast.push(sending)
      else this.#settleWith(sent, sending)
    } catch (error) {
      this.#settle([sending], (one) => allOf(one.records, 'unknown', brokenPromise(error)))
    }
    return sending.answered
  }

  /** The callers of one group of a log are given the same promise, and are answered in one go. */
  #settleWith(sent: Promise<readonly SendOutcome[]>, sending: Waiting): void {
    const waiting = [sending]
    this.#last = sent
    this.#waitingForLast = waiting
    const close = (): void => {
      if (this.#last === sent) this.#last = undefined
    }
    sent.then(
      (outcomes) => {
        close()
        this.#settle(waiting, () => outcomes)
      },
      (error) => {
        close()
        this.#settle(waiting, (one) => allOf(one.records, 'unknown', brokenPromise(error)))
      },
    )
  }

  #settle(waiting: readonly Waiting[], outcomesOf: (one: Waiting) => readonly SendOutcome[]): void {
    for (const one of waiting) {
      one.stopWaiting?.()
      this.#inFlight -= one.records.length
      this.#admission.give(one.bytes)
      one.finish(outcomesOf(one))
    }
    this.#deadlines.dropDone()
    if (this.#inFlight === 0) for (const wake of this.#idle.splice(0)) wake()
  }

  /** A wait as configured costs little; a time-out or a signal of its own, a timer or a listener. */
  #limitWait(sending: Waiting, { timeoutMs, signal }: Patience): void {
    const giveUp = (error: WalError): void => {
      sending.stopWaiting?.()
      sending.finish(allOf(sending.records, 'unknown', error))
    }
    const longestMs = timeoutMs ?? this.#options.timeoutMs
    const expire = (): void => giveUp(this.#timedOut(longestMs))
    const abort = (): void => giveUp(abortedError())
    const timer = this.#options.clock.setTimer(longestMs, expire)
    signal?.addEventListener('abort', abort, { once: true })
    sending.stopWaiting = () => {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
  }

  #overloaded(bytes: number): OverloadedError {
    const { namespace, budgets } = this.#options
    const facts = budgets
      .map(
        ({ name, usedBytes, limitBytes }) => `${name} has ${usedBytes} of ${limitBytes} in flight`,
      )
      .join(', ')
    const { waiting, waitingBytes } = this.#admission
    const line = waiting > 0 ? `; ${waiting} writes with ${waitingBytes} bytes wait already` : ''
    return new OverloadedError(
      `No room for ${bytes} bytes in namespace '${namespace}': ${facts}${line}. Write slower, or raise inFlightBytes.`,
      retryAfterMs,
    )
  }

  #timedOut(timeoutMs: number): WalError {
    return new WalError(
      'ERR_WRITE_TIMEOUT',
      `The queue of namespace '${this.#options.namespace}' gave no answer within ${Math.ceil(timeoutMs)} ms.`,
      { retryable: true },
    )
  }
}

function isAsConfigured({ timeoutMs, signal }: Patience): boolean {
  return timeoutMs === undefined && signal === undefined
}

function asTheyAre(outcomes: readonly SendOutcome[]): readonly SendOutcome[] {
  return outcomes
}

function bytesOf(records: readonly StoredRecord[]): number {
  let bytes = 0
  for (const record of records) bytes += recordBytes(record)
  return bytes
}

function allOf(
  records: readonly StoredRecord[],
  durable: 'no' | 'unknown',
  error: WalError,
): readonly SendOutcome[] {
  return records.map(() => ({ durable, error }))
}

function closedError({ namespace }: QueueProducerOptions): WalError {
  return new WalError('ERR_CLOSED', `Namespace '${namespace}' is closed.`)
}

function abortedError(): WalError {
  return new WalError('ERR_ABORTED', "The caller's signal aborted.", { retryable: true })
}

/** A producer must answer with outcomes; one that rejects leaves the outcome open. */
function brokenPromise(cause: unknown): WalError {
  const reason = reasonOf(cause)
  return new WalError('ERR_IO', `The producer failed: ${reason}`, { cause, retryable: true })
}

import type { Clock } from '../clock.ts'
import { type Duration, durationMs } from '../config/quantity.ts'
import { WalError } from '../errors.ts'
import type { RecordPreparer } from './prepare-record.ts'
import type { Patience, QueueProducer } from './queue-producer.ts'
import { type Receipt, receiptsOf } from './receipt.ts'
import type { Answer } from './sending.ts'
import type { WriteInput } from './write-input.ts'

export interface WriterOptions {
  readonly preparer: RecordPreparer
  readonly producer: QueueProducer
  readonly clock: Clock
  /** The time-out of writes that bring none of their own. */
  readonly timeoutMs: number
}

/** A call of `write` or `writeMany`. */
interface Call<R> {
  readonly inputs: readonly WriteInput<unknown>[]
  readonly patience: Patience
  readonly answer: Answer<R>
}

/**
 * What `write` does: checks, prepares, sends, and answers with receipts.
 *
 * Records are sent in the order in which they were written, without waiting for one another, also
 * where a schema's check takes its time: id and version are given when a record's turn has come.
 */
export class Writer {
  readonly #options: WriterOptions
  /** Writes whose payload is still being checked, and those lined up behind them. */
  #checking = 0
  /** Settles once the last of them has been sent or has given up, and all before it. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: WriterOptions) {
    this.#options = options
  }

  /** Rejects if the input is wrong; of every other outcome `answer` makes what the caller wants. */
  write<R>(input: WriteInput<unknown>, answer: Answer<R>): Promise<R> {
    try {
      const patience = patienceOf(input)
      const payload = this.#options.preparer.check(input)
      return payload instanceof Promise || this.#checking > 0
        ? this.#sendOneInTurn(input, payload, patience, answer)
        : this.#sendOne(input, payload, patience, answer)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** One receipt each, in order. If any input is wrong it rejects, and nothing is sent. */
  async writeMany(
    inputs: readonly WriteInput<unknown>[],
    patience: Patience,
  ): Promise<readonly Receipt[]> {
    const payloads = this.#checkAll(inputs)
    return this.#checking > 0 || payloads.some((payload) => payload instanceof Promise)
      ? this.#inTurn({ inputs, patience, answer: receiptsOf }, Promise.all(payloads), (all, rest) =>
          this.#sendMany(inputs, all, rest),
        )
      : this.#sendMany(inputs, payloads, patience)
  }

  #checkAll(inputs: readonly WriteInput<unknown>[]): readonly unknown[] {
    const payloads: unknown[] = []
    try {
      for (const input of inputs) payloads.push(this.#options.preparer.check(input))
    } catch (error) {
      // Nobody will ask for the others any more.
      for (const payload of payloads) if (payload instanceof Promise) payload.catch(() => {})
      throw error
    }
    return payloads
  }

  #sendOne<R>(
    input: WriteInput<unknown>,
    payload: unknown,
    patience: Patience,
    answer: Answer<R>,
  ): Promise<R> {
    const { preparer, producer, clock } = this.#options
    const now = clock.now()
    return producer.send([preparer.build(input, payload, now)], patience, answer, now)
  }

  #sendOneInTurn<R>(
    input: WriteInput<unknown>,
    payload: unknown,
    patience: Patience,
    answer: Answer<R>,
  ): Promise<R> {
    return this.#inTurn({ inputs: [input], patience, answer }, payload, (checked, rest) =>
      this.#sendOne(input, checked, rest, answer),
    )
  }

  #sendMany(
    inputs: readonly WriteInput<unknown>[],
    payloads: readonly unknown[],
    patience: Patience,
  ): Promise<readonly Receipt[]> {
    const { preparer, producer, clock } = this.#options
    const now = clock.now()
    const records = inputs.map((input, index) => preparer.build(input, payloads[index], now))
    return producer.send(records, patience, receiptsOf, now)
  }

  /** Sends once the payload is checked and every earlier write has been sent or has given up. */
  async #inTurn<C, R>(
    call: Call<R>,
    check: C | Promise<C>,
    send: (checked: C, rest: Patience) => Promise<R>,
  ): Promise<R> {
    const limit = this.#limit(call.patience)
    this.#checking++
    const checked = Promise.race([check, limit.expired])
    const turn = Promise.allSettled([this.#turn, checked]).then(() => checked)
    let sent: Promise<R> | undefined
    const sending = turn.then((payload) => {
      if (limit.error === undefined) sent = send(payload, limit.rest())
    })
    this.#turn = sending.catch(() => {})
    try {
      await Promise.race([sending, limit.expired])
    } catch (error) {
      if (error !== limit.error) throw error
      return this.#notSent(call, error as WalError)
    } finally {
      limit.cancel()
      this.#checking--
    }
    return sent as Promise<R>
  }

  /** Nothing of it is stored. Versions given out later are above those of its receipts. */
  #notSent<R>({ inputs, answer }: Call<R>, error: WalError): R {
    const { preparer, clock } = this.#options
    const names = inputs.map((input) => preparer.name(input, clock.now()))
    const outcome = { durable: 'no', error } as const
    return answer(
      names.map(() => outcome),
      names,
    )
  }

  /** A check may take for ever, as one that asks a database. Nothing is stored by then. */
  #limit({ timeoutMs = this.#options.timeoutMs, signal }: Patience) {
    const { clock } = this.#options
    const began = clock.monotonic()
    const { promise: expired, reject } = Promise.withResolvers<never>()
    expired.catch(() => {})
    const limit = { expired, error: undefined as WalError | undefined, rest, cancel }
    const timer = clock.setTimer(timeoutMs, () => giveUp(slowCheck(timeoutMs)))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    return limit

    function abort(): void {
      giveUp(abortedCheck())
    }

    function giveUp(error: WalError): void {
      limit.error = error
      reject(error)
    }

    /** What is left of the caller's patience once the check is done. */
    function rest(): Patience {
      return { timeoutMs: Math.max(0, timeoutMs - (clock.monotonic() - began)), signal }
    }

    function cancel(): void {
      timer.cancel()
      signal?.removeEventListener('abort', abort)
    }
  }
}

/** How long a write waits for its answer, where it says so itself. */
export function patienceOf({ timeout, signal }: Pick<WriteInput<unknown>, 'timeout' | 'signal'>) {
  if (timeout === undefined && signal === undefined) return asConfigured
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new WalError('ERR_INVALID_RECORD', 'The signal of a write is not an AbortSignal.')
  }
  return { timeoutMs: timeout === undefined ? undefined : timeoutOf(timeout), signal }
}

function timeoutOf(timeout: unknown): number {
  const timeoutMs = durationMs(timeout as Duration)
  if (timeoutMs >= 1) return timeoutMs
  throw new WalError(
    'ERR_INVALID_DURATION',
    `The timeout of a write is ${timeoutMs} ms; it is at least 1 ms, as no write is answered sooner.`,
  )
}

const asConfigured: Patience = {}

function slowCheck(timeoutMs: number): WalError {
  return new WalError(
    'ERR_WRITE_TIMEOUT',
    `The check of a payload, or of one written before it, took longer than ${timeoutMs} ms.`,
    { retryable: true },
  )
}

function abortedCheck(): WalError {
  return new WalError(
    'ERR_ABORTED',
    "The caller's signal aborted while payloads were being checked.",
    { retryable: true },
  )
}

import { durationMs } from '../config/quantity.ts'
import { WalError } from '../errors.ts'
import type { StoredRecord } from '../record.ts'
import type { RecordPreparer } from './prepare-record.ts'
import type { SendOutcome } from './producer.ts'
import type { Patience, QueueProducer } from './queue-producer.ts'
import { type Receipt, receiptOf } from './receipt.ts'
import type { WriteInput } from './write-input.ts'

/**
 * What `write` does: checks, prepares, sends, and answers with receipts.
 *
 * Records are sent in the order in which they were written, without waiting for one another, also
 * where a schema's check takes its time: id and version are given when a record's turn has come.
 */
export class Writer {
  readonly #preparer: RecordPreparer
  readonly #producer: QueueProducer
  /** Writes whose payload is still being checked, and those lined up behind them. */
  #checking = 0
  /** Settles once the last of them has been sent. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(preparer: RecordPreparer, producer: QueueProducer) {
    this.#preparer = preparer
    this.#producer = producer
  }

  /** Rejects if the input is wrong, or where writes are shed; every other outcome is a receipt. */
  write(input: WriteInput<unknown>): Promise<Receipt> {
    try {
      const patience = patienceOf(input)
      const payload = this.#preparer.check(input)
      return payload instanceof Promise || this.#checking > 0
        ? this.#inTurn(payload, (checked) => this.#sendOne(input, checked, patience))
        : this.#sendOne(input, payload, patience)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** One receipt each, in order. If any input is wrong it rejects, and nothing is sent. */
  async writeMany(
    inputs: readonly WriteInput<unknown>[],
    patience: Patience,
  ): Promise<readonly Receipt[]> {
    const payloads = inputs.map((input) => this.#preparer.check(input))
    return this.#checking > 0 || payloads.some((payload) => payload instanceof Promise)
      ? this.#inTurn(Promise.all(payloads), (checked) => this.#sendMany(inputs, checked, patience))
      : this.#sendMany(inputs, payloads, patience)
  }

  #sendOne(input: WriteInput<unknown>, payload: unknown, patience: Patience): Promise<Receipt> {
    const record = this.#preparer.build(input, payload)
    return this.#producer.send([record], patience).then(([outcome]) => receipt(record, outcome))
  }

  async #sendMany(
    inputs: readonly WriteInput<unknown>[],
    payloads: readonly unknown[],
    patience: Patience,
  ): Promise<readonly Receipt[]> {
    const records = inputs.map((input, index) => this.#preparer.build(input, payloads[index]))
    const outcomes = await this.#producer.send(records, patience)
    return records.map((record, index) => receipt(record, outcomes[index]))
  }

  /** Sends once the payload is checked and every earlier write has been sent. */
  async #inTurn<C, R>(check: C | Promise<C>, send: (checked: C) => Promise<R>): Promise<R> {
    this.#checking++
    const checked = Promise.resolve(check)
    let sent: Promise<R> | undefined
    const turn = Promise.allSettled([this.#turn, checked])
      .then(() => checked)
      .then((payload) => {
        sent = send(payload)
      })
    this.#turn = turn.catch(() => {})
    try {
      await turn
    } finally {
      this.#checking--
    }
    return sent as Promise<R>
  }
}

/** How long a write waits for its answer, where it says so itself. */
export function patienceOf({ timeout, signal }: Pick<WriteInput<unknown>, 'timeout' | 'signal'>) {
  if (timeout === undefined && signal === undefined) return asConfigured
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new WalError('ERR_INVALID_RECORD', 'The signal of a write is not an AbortSignal.')
  }
  return { timeoutMs: timeout === undefined ? undefined : durationMs(timeout), signal }
}

const asConfigured: Patience = {}

/** A producer that answers with fewer outcomes than it was given records leaves the rest open. */
function receipt(record: StoredRecord, outcome: SendOutcome = { durable: 'unknown' }): Receipt {
  return receiptOf(record, outcome)
}

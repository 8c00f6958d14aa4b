import { WalError } from '../errors.ts'
import type { RecordFields } from '../record.ts'
import type { Durable, SendOutcome } from './producer.ts'
import { OverloadedError } from './write-budget.ts'

/**
 * What became of a write. After `'unknown'`, write again with this receipt's `id` and `version`: it
 * is then the same mutation, and never beats a later write.
 */
export interface Receipt {
  readonly id: string
  readonly version: bigint
  /** `'yes'`: it survives. `'no'`: nothing was stored. `'unknown'`: nobody can tell. */
  readonly durable: Durable
  /** Why, where the answer is not `'yes'`. */
  readonly message?: string
  readonly error?: WalError
}

/** By what a receipt names its record. */
export type RecordName = Pick<RecordFields, 'id' | 'version'>

/** Raised by `write` when the answer is not `'yes'`. `receipt.durable` tells `'no'` from `'unknown'`. */
export class NotDurableError extends WalError {
  readonly receipt: Receipt

  /** `what` the receipt is of, for the message. Default `'record'`. */
  constructor(receipt: Receipt, what: 'record' | 'transaction' = 'record') {
    super(
      'ERR_NOT_DURABLE',
      what === 'record'
        ? `Record ${receipt.id} is not durable. ${receipt.message} ${adviceOn(receipt)}`
        : `Transaction ${receipt.id} is not certain to be applied. ${receipt.message}${adviceOnTransaction(receipt)}`,
      {
        cause: receipt.error,
        retryable: receipt.error?.retryable ?? true,
      },
    )
    this.receipt = receipt
  }
}

/** True where it found no room in flight, at once or after a wait: nothing was stored. */
export function isShed({ durable, error }: Receipt): boolean {
  return durable === 'no' && error instanceof OverloadedError
}

/** One receipt per record. */
export function receiptsOf(
  outcomes: readonly SendOutcome[],
  records: readonly RecordName[],
): readonly Receipt[] {
  return records.map((record, index) => receiptOf(record, outcomes[index]))
}

/** The receipt of the only record there is. */
export function onlyReceipt(
  outcomes: readonly SendOutcome[],
  records: readonly RecordName[],
): Receipt {
  return receiptOf(records[0] as RecordName, outcomes[0])
}

/** A producer that answers with fewer outcomes than it was given records leaves the rest open. */
function receiptOf(record: RecordName, outcome: SendOutcome = { durable: 'unknown' }): Receipt {
  const { id, version } = record
  const { durable, error } = outcome
  if (durable === 'yes') return { id, version, durable }
  if (error === undefined) return { id, version, durable, message: 'The queue gave no reason.' }
  return { id, version, durable, message: error.message, error }
}

function adviceOnTransaction({ durable, error, message }: Receipt): string {
  const none = ' Nothing of it will be applied.'
  if (durable === 'no') return message?.endsWith(none) ? '' : none
  // It says what to do.
  if (error?.code === 'ERR_NOT_DURABLE' && !error.retryable) return ''
  return " It may or may not be applied: ask for it again with the receipt's id, within transactions.keep."
}

function adviceOn({ durable, error }: Receipt): string {
  if (durable === 'unknown') {
    return "It may or may not be stored: write it again with the receipt's id and version."
  }
  return error?.retryable === false
    ? 'Nothing was stored, and as it is it will be refused again.'
    : 'Nothing was stored; writing it again is safe.'
}

import { WalError } from '../errors.ts'

/** A chunk can be added to an open transaction only. */
export function notOpen(id: string): WalError {
  return new WalError(
    'ERR_TRANSACTION_NOT_OPEN',
    `Transaction ${id} is not open any more: it was sealed, or took too long and was discarded. ` +
      'Begin a new one; one that takes long needs a longer transactions.openFor.',
  )
}

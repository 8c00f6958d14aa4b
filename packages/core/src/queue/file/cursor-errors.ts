import { WalError } from '../../errors.ts'

/** A damaged cursor goes on from an earlier state, in which all through a sequence is done with. */
export function fellBack(target: string, through: number, cause: WalError): WalError {
  return new WalError(
    'ERR_CORRUPT_LOG',
    `The cursor of target "${target}" was damaged. It goes on from what it said before: ` +
      `everything through ${through} is done with, and records behind that are delivered ` +
      `again though they may have been applied. ${cause.message}`,
    { cause },
  )
}

/** The disk takes no changes of a cursor, which goes on in memory. */
export function cannotSave(target: string, cause: WalError): WalError {
  return new WalError(
    cause.code,
    `The progress of target "${target}" cannot be saved. Delivery goes on; should the ` +
      `process end before it can, records are delivered again. ${cause.message}`,
    { cause, retryable: cause.retryable },
  )
}

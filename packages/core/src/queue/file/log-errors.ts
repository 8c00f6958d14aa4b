import { WalError } from '../../errors.ts'

/** Where damage was found in a log, and how it is known to be damage. */
export interface Damage {
  readonly path: string
  /** In bytes from the file's start. */
  readonly offset: number
  /** Of the first record that cannot be read. Undefined where that cannot be told. */
  readonly sequence?: number | undefined
  /** What is wrong, as a clause. */
  readonly what: string
  /** What shows that the bytes were whole once, as a clause. */
  readonly proof: string
}

/** Ends the message of an `ERR_CORRUPT_LOG` that a person has to see to. */
export const whatToDo =
  'Copy the directory before anything else, and look for failures of the disk. verifyFileQueue ' +
  'tells what is damaged, salvageFileQueue copies all that is not: see "Recovery" in the documentation.'

/** `ERR_CORRUPT_LOG`: bytes that had been synced are damaged or missing. */
export function corruptLog({ path, offset, sequence, what, proof }: Damage): WalError {
  const record = sequence === undefined ? '' : `, record ${sequence} of the log`
  return new WalError(
    'ERR_CORRUPT_LOG',
    `The log is damaged: ${what} (${path}, offset ${offset}${record}). ` +
      `These bytes had been written and synced: ${proof}. ` +
      `Nothing was changed on disk. ${whatToDo}`,
  )
}

/** `ERR_NOT_A_LOG`: a file that looks like ours by its name only. */
export function notALog(path: string): WalError {
  return new WalError(
    'ERR_NOT_A_LOG',
    `${path} is not a segment of a log: it begins with other bytes. Move it out of the directory, ` +
      'or choose another directory for the log.',
  )
}

/** `ERR_FUTURE_FORMAT`: a segment of a later version of the library. */
export function futureFormat(path: string, version: number): WalError {
  return new WalError(
    'ERR_FUTURE_FORMAT',
    `${path} has format version ${version}, and this version of the library reads version 1. ` +
      'Open the log with the version that wrote it, or a later one. Nothing was changed on disk.',
  )
}

import { reasonOf } from '../../error-text.ts'
import { isWalError, WalError, type WalErrorCode } from '../../errors.ts'

interface Meaning {
  readonly code: WalErrorCode
  readonly retryable: boolean
  readonly advice: string
}

const denied: Meaning = {
  code: 'ERR_DIRECTORY_DENIED',
  retryable: false,
  advice: 'Give the directory to the user this process runs as, or choose another one.',
}

const unsuitable: Meaning = {
  code: 'ERR_DIRECTORY_UNSUITABLE',
  retryable: false,
  advice: 'Choose a directory on a local disk.',
}

const full: Meaning = {
  code: 'ERR_DISK_FULL',
  retryable: true,
  advice: 'Make room on the disk; nothing needs to be restarted.',
}

const other: Meaning = {
  code: 'ERR_IO',
  retryable: true,
  advice: 'See the cause, and the state of the disk.',
}

const meanings: ReadonlyMap<string, Meaning> = new Map([
  ['EACCES', denied],
  ['EPERM', denied],
  ['EROFS', denied],
  ['ENOTDIR', unsuitable],
  ['EEXIST', unsuitable],
  ['ENAMETOOLONG', unsuitable],
  ['ENOTSUP', unsuitable],
  ['EOPNOTSUPP', unsuitable],
  ['ENOSPC', full],
  ['EDQUOT', full],
  ['EFBIG', full],
])

/** The error to show for a failed call to the system. An error that is ours already is kept. */
export function diskError(doing: string, path: string, cause: unknown): WalError {
  if (isWalError(cause)) return cause
  return errorOf(meanings.get(errnoOf(cause) ?? '') ?? other, doing, path, cause)
}

/** The error to show where a call to the system failed because of where the directory is. */
export function unsuitableError(doing: string, path: string, cause: unknown): WalError {
  return errorOf(unsuitable, doing, path, cause)
}

function errorOf(
  { code, retryable, advice }: Meaning,
  doing: string,
  path: string,
  cause: unknown,
): WalError {
  const reason = reasonOf(cause)
  return new WalError(code, `Could not ${doing} ${path}: ${reason}. ${advice}`, {
    retryable,
    cause,
  })
}

/** `ENOENT` and the like, of an error the system raised. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** True if there was no room on the disk, or no quota left. */
export function isDiskFull(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOSPC' || errno === 'EDQUOT'
}

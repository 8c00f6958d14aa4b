import { type Clock, systemClock } from '../../clock.ts'
import { type Random, systemRandom } from '../../random.ts'
import { acquirePipeLock } from './owner-lock-pipe.ts'
import { refuseNetworkFileSystem } from './owner-lock-place.ts'
import { acquireSocketLock } from './owner-lock-socket.ts'

/** A directory owned by this opener, until released or until the process ends, however it ends. */
export interface OwnerLock {
  /**
   * False once it can be told that the lock no longer keeps others out, such as after somebody
   * deleted its file. Nothing may be written to the directory then.
   */
  isHeld(): Promise<boolean>
  /** The same, told at once, where that takes no more than a microsecond or so. */
  isHeldNow?(): boolean
  /** Lets others in. A second call does nothing more. */
  release(): Promise<void>
}

/**
 * Tries for a short while to become a directory's only owner. Resolves with undefined if somebody
 * else is; rejects with an error of the system, or a `WalError`, if it cannot be told.
 *
 * Must never be held by two at once, must not outlive its process, and must not be lost while its
 * process lives, even if that is stopped or its event loop is blocked.
 */
export type AcquireLock = (directory: string) => Promise<OwnerLock | undefined>

export interface OwnerLockOptions {
  /**
   * True: also in a directory on NFS, SMB, or a file system in user space. Only the processes of
   * this machine are kept apart then. Default false: refused, with `ERR_DIRECTORY_UNSUITABLE`.
   */
  readonly allowNetworkFileSystem?: boolean | undefined
  /**
   * Waited by between two tries; default the machine's, whatever clock the queue runs on: the other
   * openers are real.
   */
  readonly clock?: Clock | undefined
  /** Default the machine's. */
  readonly random?: Random | undefined
}

/**
 * The lock of this platform, held by the kernel: a listening Unix domain socket in the directory,
 * or on Windows a named pipe. It ends with the process, so it is never stale, and needs nothing
 * from the process while it lasts, so a stalled one keeps it.
 */
export function ownerLock(options: OwnerLockOptions = {}): AcquireLock {
  const { allowNetworkFileSystem, clock = systemClock, random = systemRandom } = options
  return async (directory) => {
    if (process.platform === 'win32') return acquirePipeLock(directory)
    if (!allowNetworkFileSystem) await refuseNetworkFileSystem(directory)
    const lock = await acquireSocketLock(directory, { clock, random })
    if (!lock || !allowNetworkFileSystem) return lock
    // A look over a network may take long, and would hold up the event loop.
    return { isHeld: () => lock.isHeld(), release: () => lock.release() }
  }
}

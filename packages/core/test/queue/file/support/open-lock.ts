import type { AcquireLock } from '../../../../src/queue/file/owner-lock.ts'

/** Lets everybody in: for openers that a test keeps apart by itself. */
export const openLock: AcquireLock = async () => ({
  isHeld: async () => true,
  release: async () => {},
})

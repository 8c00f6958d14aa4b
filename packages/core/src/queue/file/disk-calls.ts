import { type DiskCall, DiskThreads } from './disk-threads.ts'
import { fsCall } from './fs-call.ts'
import { byteLengthOf, type Parts } from './parts.ts'
import { PoolWatch } from './pool-watch.ts'

/** More bytes than these are not copied for a thread, but written by the pool from where they are. */
const mostCopiedBytes = 8 * 1024 * 1024

const watch = new PoolWatch({
  // Of the process's own standard input, which may be closed: that is an answer as well.
  look: () => fsCall('fstat', 0),
  now: () => performance.now(),
})
const threads = new DiskThreads()

/** Writes some of the bytes at the position, and answers how many. */
export function writeSome(
  descriptor: number,
  parts: readonly Uint8Array[],
  position: number,
): Promise<number> {
  return call<number>('writev', [descriptor, parts, position], parts)
}

export function syncData(descriptor: number): Promise<void> {
  return call<void>('fdatasync', [descriptor])
}

/**
 * Through Node's pool, which is quickest as long as it has time: a thread of our own takes a tenth
 * longer, and much longer where the processor is busy. But that pool has four threads for all that
 * the process does: where hashing, compressing or reading keeps them busy, a thread of our own is
 * hundreds of times quicker.
 */
function call<T>(name: DiskCall, args: readonly unknown[], bytes: Parts = []): Promise<T> {
  if (watch.isLate() && byteLengthOf(bytes) <= mostCopiedBytes) return threads.run<T>(name, args)
  return watch.follow(fsCall<T>(name, ...args))
}

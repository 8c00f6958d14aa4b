import type { Op } from '@daybook/core'

/** What a message without `daybook-op` does. */
export const impliedOp: Op = 'put'

/**
 * Where a message without `daybook-origin` was written: the name of a wal without a region, wherever it is
 * read. The reader's own region would be wrong for what another region reads, or has copied.
 */
export const impliedOrigin = 'local'

/**
 * When a message without `daybook-written-at` was written, in ms since the Unix epoch. The version is
 * microseconds of the same clock, so it says so of every record but those whose version is ahead of it.
 */
export function impliedWrittenAt(version: bigint): number {
  return Math.floor(Number(version) / 1000)
}

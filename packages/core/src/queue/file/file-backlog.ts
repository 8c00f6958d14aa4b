import type { Cursor } from './cursor.ts'
import type { Log, LogEntry } from './log.ts'

/** Most records that are read only to count them. */
const mostRecords = 4096
const mostBytes = 8 << 20

/** What lies in the log before a reader, as far as it was looked at. */
export interface UnreadCount {
  /** True if all of it was looked at. */
  readonly isComplete: boolean
  /** `writtenAt` of the first one that is pending. */
  readonly oldestWrittenAt: number | undefined
  /** Records due after the instant, from a sequence on: the reader may have moved meanwhile. */
  countDelayed(from: number): number
  /** Records meant for another target, from a sequence on. */
  countForOthers(from: number): number
}

/** Looks at the unread records up to a sequence, if they are not too many, by a reader of its own. */
export async function countUnread(
  log: Log,
  cursor: Cursor,
  from: number,
  upTo: number,
  instant: number,
): Promise<UnreadCount> {
  const delayed: number[] = []
  const forOthers: number[] = []
  let oldestWrittenAt: number | undefined
  const isComplete = await eachEntry(log, from, upTo, ({ sequence, record }) => {
    if (cursor.isDone(sequence)) return
    const { target, dueAt, writtenAt } = record
    if (target !== undefined && target !== cursor.target) forOthers.push(sequence)
    else if (dueAt !== undefined && dueAt > instant) delayed.push(sequence)
    else oldestWrittenAt ??= writtenAt
  })
  const countFrom = (sequences: readonly number[]) => (first: number) =>
    sequences.filter((sequence) => sequence >= first && !cursor.isDone(sequence)).length
  return {
    isComplete,
    oldestWrittenAt,
    countDelayed: countFrom(delayed),
    countForOthers: countFrom(forOthers),
  }
}

/** True if all were visited; of too many, only the first few are. */
async function eachEntry(
  log: Log,
  from: number,
  upTo: number,
  visit: (entry: LogEntry) => void,
): Promise<boolean> {
  if (from > upTo) return true
  const tooMany = upTo - from >= mostRecords
  const reader = log.reader(from)
  try {
    while (reader.position <= upTo) {
      const entries = await reader.read({
        maxRecords: tooMany ? 64 : mostRecords,
        maxBytes: mostBytes,
      })
      for (const entry of entries) if (entry.sequence <= upTo) visit(entry)
      if (tooMany || entries.length === 0) break
    }
    return !tooMany
  } finally {
    await reader.close()
  }
}

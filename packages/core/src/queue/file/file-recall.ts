import { WalError } from '../../errors.ts'
import type { HeldRecord, Recall, RecallFinding } from '../recall.ts'
import type { Cursor } from './cursor.ts'
import type { FeedFinding } from './feed-recall.ts'
import type { FileFeed } from './file-feed.ts'

/** One target, and what was found of the id there. */
interface Found extends FeedFinding {
  readonly target: string
  readonly feed: FileFeed
  readonly cursor: Cursor
}

/** Holds back the delayed records with an id, at all targets of a file queue. */
export async function recallRecord(
  id: string,
  targets: readonly Omit<Found, keyof FeedFinding>[],
): Promise<Recall> {
  const found: Found[] = []
  try {
    for (const one of targets) found.push({ ...one, ...(await one.feed.recalls.find(id)) })
  } catch (error) {
    for (const { feed, held } of found) feed.recalls.letGo(held)
    throw error
  }
  return {
    findings: new Map(found.map((one) => [one.target, findingOf(one)])),
    held: heldRecords(found),
    takeBack: () => takeBack(id, found),
    letGo() {
      for (const { feed, held } of found) feed.recalls.letGo(held)
    },
  }
}

/** Where one was handed out and another waits, what matters is that it is too late. */
function findingOf({ held, isHandedOut }: FeedFinding): RecallFinding {
  if (isHandedOut) return 'tooLate'
  return held.length > 0 ? 'held' : 'unknown'
}

/** Each record once, with its targets. */
function heldRecords(found: readonly Found[]): readonly HeldRecord[] {
  const records = new Map<number, HeldRecord>()
  for (const { target, held } of found) {
    for (const { sequence, record } of held) {
      const before = records.get(sequence)?.targets ?? []
      records.set(sequence, { record, targets: [...before, target] })
    }
  }
  return [...records.values()]
}

async function takeBack(id: string, found: readonly Found[]): Promise<void> {
  const failed: string[] = []
  for (const { feed, held, cursor, target } of found) {
    if (held.length === 0) continue
    await feed.recalls.withdraw(held)
    if (!(await cursor.sync())) failed.push(target)
  }
  if (failed.length === 0) return
  throw new WalError(
    'ERR_IO',
    `Record ${id} is taken back, but that cannot be saved for ${failed.join(', ')}: should the ` +
      'process end before the disk works again, it is delivered there when it is due. See the error ' +
      'reported for the cursor.',
    { retryable: true },
  )
}

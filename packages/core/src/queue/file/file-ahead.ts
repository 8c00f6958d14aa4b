import type { Delivery, PullAheadOptions } from '../../consumer/consumer.ts'
import type { FileFeed } from './file-feed.ts'
import type { Log } from './log.ts'

/** Read at a time; none of it is kept. */
const readLimits = { maxRecords: 1024, maxBytes: 1 << 20 }

/**
 * Looks through what a feed has not read yet, by a reader of its own, and has the feed hand out what
 * is wanted. Ends early when the signal aborts.
 */
export async function takeAhead(
  log: Log,
  feed: FileFeed,
  { wanted, signal }: PullAheadOptions,
): Promise<readonly Delivery[]> {
  const upTo = log.lastSequence
  const deliveries: Delivery[] = []
  const reader = log.reader(feed.unreadFrom, feed.unreadNear)
  try {
    while (reader.position <= upTo && !signal.aborted) {
      const entries = await reader.read(readLimits)
      if (entries.length === 0) break
      for (const entry of entries) {
        const delivery = feed.takeAhead(entry, wanted)
        if (delivery !== undefined) deliveries.push(delivery)
      }
    }
  } catch (error) {
    // What was taken is in nobody's hands yet, so it has to go out.
    if (deliveries.length === 0) throw error
  } finally {
    await reader.close()
  }
  return deliveries
}

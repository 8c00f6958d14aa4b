import type { DelayedItem } from './delayed-heap.ts'
import type { Log, LogEntry } from './log.ts'
import type { PullLot } from './pull-lot.ts'

/** Records that were read before, and wait somewhere to be read again. */
export interface WaitingItems {
  /** True if some may be ready. */
  isReady(): boolean
  /** Takes some that are ready, in their order; maybe none. */
  take(most: number): Promise<readonly DelayedItem[]>
  putBack(items: readonly DelayedItem[]): void
}

/** Read at once, by their addresses. */
const rereadCount = 32

/** Reads again what is ready, as long as there is room in the lot; what does not fit goes back. */
export async function reread(
  log: Log,
  lot: PullLot,
  waiting: WaitingItems,
  add: (entry: LogEntry, item: DelayedItem) => void,
): Promise<void> {
  while (lot.hasRoom && waiting.isReady()) {
    const items = await waiting.take(Math.min(rereadCount, lot.room))
    let added = 0
    try {
      const entries = await Promise.all(items.map(({ address }) => log.readAt(address)))
      for (const [index, entry] of entries.entries()) {
        if (!lot.fits(entry)) break
        add(entry, items[index] as DelayedItem)
        added++
      }
    } finally {
      waiting.putBack(items.slice(added))
    }
    if (added < items.length) return
  }
}

import type { Clock } from '../../clock.ts'
import { DelayedHeap, type DelayedItem } from './delayed-heap.ts'
import type { FileLease } from './file-lease.ts'
import type { WaitingItems } from './reread.ts'

/** Records given back: by when they may go out again, then in their order. */
export class ReturnedRecords implements WaitingItems {
  readonly #clock: Clock
  /** By monotonic ms (0 for at once), then position. */
  readonly #heap = new DelayedHeap()
  /** By position. */
  readonly #leases = new Map<number, FileLease>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Ms until one may go out; Infinity if none waits. */
  get untilNextMs(): number {
    return this.#heap.nextAt - this.#clock.monotonic()
  }

  add(lease: FileLease, delayMs: number): void {
    const { position, address } = lease
    lease.state = 'returned'
    const at = delayMs > 0 ? this.#clock.monotonic() + delayMs : 0
    this.#heap.push({ at, order: position, address, hash: 0 })
    this.#leases.set(position, lease)
  }

  isReady(): boolean {
    return this.#heap.size > 0 && this.untilNextMs <= 0
  }

  async take(most: number): Promise<readonly DelayedItem[]> {
    const items: DelayedItem[] = []
    while (items.length < most && this.isReady()) items.push(this.#heap.pop() as DelayedItem)
    return items
  }

  putBack(items: readonly DelayedItem[]): void {
    for (const item of items) this.#heap.push(item)
  }

  /** The lease of an item that was taken, held again. */
  lease({ order }: DelayedItem): FileLease {
    const lease = this.#leases.get(order) as FileLease
    this.#leases.delete(order)
    lease.state = 'held'
    return lease
  }
}

import { DelayedHeap, type DelayedItem } from '../delayed-heap.ts'

/**
 * The records of a schedule that are in memory:
 *
 *   pushed ──▶ fresh ──▶ frozen, while they are written into a run
 *   put back ──▶ front
 */
export class ScheduleMemory {
  #fresh = new DelayedHeap()
  #frozen: DelayedHeap | undefined
  readonly #front = new DelayedHeap()
  /** The address of the first record in `#fresh`. */
  #freshFrom = Number.POSITIVE_INFINITY

  get size(): number {
    return this.#fresh.size + (this.#frozen?.size ?? 0) + this.#front.size
  }

  /** Records that could be frozen. */
  get freshSize(): number {
    return this.#fresh.size
  }

  get frozen(): DelayedHeap | undefined {
    return this.#frozen
  }

  /** When the first one is due; Infinity if there is none. */
  get nextAt(): number {
    const { nextAt } = this.#frozen ?? this.#front
    return Math.min(this.#fresh.nextAt, this.#front.nextAt, nextAt)
  }

  /** All there are, to be taken from. */
  get heaps(): readonly DelayedHeap[] {
    const heaps = [this.#front, this.#fresh]
    return this.#frozen ? [...heaps, this.#frozen] : heaps
  }

  /** True for the heap of those that were taken before, and put back. */
  isFront(heap: DelayedHeap): boolean {
    return heap === this.#front
  }

  push(item: DelayedItem): void {
    this.#fresh.push(item)
    this.#freshFrom = Math.min(this.#freshFrom, item.address)
  }

  putBack(items: readonly DelayedItem[]): void {
    for (const item of items) this.#front.push(item)
  }

  /** Bytes of log from the first fresh record up to an address; 0 if there is none. */
  wayBackBytes(address: number): number {
    return this.#fresh.size === 0 ? 0 : Math.max(0, address - this.#freshFrom)
  }

  freeze(): void {
    this.#frozen = this.#fresh
    this.#fresh = new DelayedHeap()
    this.#freshFrom = Number.POSITIVE_INFINITY
  }

  /** What was frozen is in a run now, or done with. */
  dropFrozen(): void {
    this.#frozen = undefined
  }

  *items(): Generator<DelayedItem> {
    for (const heap of this.heaps) yield* heap.items()
  }

  /** True for one that was taken and put back. */
  isPutBack(sequence: number): boolean {
    return this.#front.count((_, order) => order === sequence) > 0
  }

  /** How many pass the test, by due time and sequence. */
  count(test: (at: number, sequence: number) => boolean): number {
    return this.heaps.reduce((sum, heap) => sum + heap.count(test), 0)
  }
}

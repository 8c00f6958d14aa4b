/** Numbers kept per item. */
const width = 4

/** A record that waits for its time. */
export interface DelayedItem {
  /** When its time comes, in ms. */
  readonly at: number
  /** Tells the order of items with the same time. */
  readonly order: number
  /** What to find the record by. */
  readonly address: number
  /** Of its id; 0 where nobody looks for it by that. */
  readonly hash: number
}

/**
 * Records that wait, the soonest first; those of one instant in rising `order`. Keeps 32 bytes for
 * each, in one array.
 */
export class DelayedHeap {
  /** Invariant: no item comes before its parent, which stands at `(index - 1) >> 1`. */
  #numbers = new Float64Array(width * 64)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The soonest time; Infinity if nothing waits. */
  get nextAt(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#numbers[0] as number)
  }

  push({ at, order, address, hash }: DelayedItem): void {
    if ((this.#size + 1) * width > this.#numbers.length) this.#resize(2 * this.#numbers.length)
    let hole = this.#size++
    while (hole > 0) {
      const parent = (hole - 1) >> 1
      if (!this.#isBefore(at, order, parent)) break
      this.#move(parent, hole)
      hole = parent
    }
    this.#put(hole, at, order, address, hash)
  }

  /** Takes the soonest item out. */
  pop(): DelayedItem | undefined {
    if (this.#size === 0) return undefined
    const first = this.#item(0)
    const { at, order, address, hash } = this.#item(--this.#size)
    let hole = 0
    for (;;) {
      let child = 2 * hole + 1
      if (child >= this.#size) break
      if (child + 1 < this.#size) {
        const right = this.#item(child + 1)
        if (this.#isBefore(right.at, right.order, child)) child++
      }
      if (this.#isBefore(at, order, child)) break
      this.#move(child, hole)
      hole = child
    }
    this.#put(hole, at, order, address, hash)
    if (this.#size * width * 4 < this.#numbers.length && this.#size > 1024) {
      this.#resize(this.#numbers.length / 2)
    }
    return first
  }

  /** The order of the soonest item; NaN if nothing waits. */
  get nextOrder(): number {
    return this.#size === 0 ? Number.NaN : (this.#numbers[1] as number)
  }

  /** How many items pass the test, by their time and order. Looks at each. */
  count(test: (at: number, order: number) => boolean): number {
    let count = 0
    for (let start = 0; start < this.#size * width; start += width) {
      if (test(this.#numbers[start] as number, this.#numbers[start + 1] as number)) count++
    }
    return count
  }

  /** All items, in no order. */
  *items(): Generator<DelayedItem> {
    for (let index = 0; index < this.#size; index++) yield this.#item(index)
  }

  #item(index: number): DelayedItem {
    const start = index * width
    const numbers = this.#numbers
    return {
      at: numbers[start] as number,
      order: numbers[start + 1] as number,
      address: numbers[start + 2] as number,
      hash: numbers[start + 3] as number,
    }
  }

  #put(index: number, at: number, order: number, address: number, hash: number): void {
    const start = index * width
    this.#numbers[start] = at
    this.#numbers[start + 1] = order
    this.#numbers[start + 2] = address
    this.#numbers[start + 3] = hash
  }

  #isBefore(at: number, order: number, other: number): boolean {
    const otherAt = this.#numbers[other * width] as number
    if (at !== otherAt) return at < otherAt
    return order < (this.#numbers[other * width + 1] as number)
  }

  #move(from: number, to: number): void {
    this.#numbers.copyWithin(to * width, from * width, (from + 1) * width)
  }

  #resize(length: number): void {
    const resized = new Float64Array(length)
    resized.set(this.#numbers.subarray(0, this.#size * width))
    this.#numbers = resized
  }
}

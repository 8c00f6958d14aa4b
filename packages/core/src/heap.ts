/** A binary heap: the least item first, by the order given. */
export class Heap<T> {
  readonly #before: (a: T, b: T) => boolean
  /** Invariant: no item comes before its parent, which stands at `(index - 1) >> 1`. */
  readonly #items: T[] = []

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    let at = this.#items.push(item) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfBefore(at, parent)) return
      at = parent
    }
  }

  pop(): T | undefined {
    const first = this.#items[0]
    const last = this.#items.pop()
    if (last === undefined || this.#items.length === 0) return first
    this.#items[0] = last
    let at = 0
    for (;;) {
      const left = 2 * at + 1
      const least = this.#isBefore(left + 1, left) ? left + 1 : left
      if (!this.#swapIfBefore(least, at)) return first
      at = least
    }
  }

  #swapIfBefore(at: number, other: number): boolean {
    if (!this.#isBefore(at, other)) return false
    const item = this.#items[at] as T
    this.#items[at] = this.#items[other] as T
    this.#items[other] = item
    return true
  }

  #isBefore(at: number, other: number): boolean {
    if (at >= this.#items.length) return false
    return this.#before(this.#items[at] as T, this.#items[other] as T)
  }
}

/** Gives back what was put into it, the least first; what is equal in no certain order. */
export class Heap<Item> {
  readonly #items: Item[] = []
  readonly #isBefore: (a: Item, b: Item) => boolean

  constructor(isBefore: (a: Item, b: Item) => boolean) {
    this.#isBefore = isBefore
  }

  peek(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    let at = this.#items.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = this.#items[parent] as Item
      if (!this.#isBefore(item, above)) break
      this.#items[at] = above
      at = parent
    }
    this.#items[at] = item
  }

  pop(): Item | undefined {
    const top = this.#items[0]
    const item = this.#items.pop()
    if (item === undefined || this.#items.length === 0) return top
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = this.#items[child]
      if (left === undefined) break
      const right = this.#items[child + 1]
      if (right !== undefined && this.#isBefore(right, left)) child++
      const least = this.#items[child] as Item
      if (!this.#isBefore(least, item)) break
      this.#items[at] = least
      at = child
    }
    this.#items[at] = item
    return top
  }
}

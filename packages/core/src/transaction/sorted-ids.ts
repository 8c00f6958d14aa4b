/** Ids in rising order. Most come in that order, and one is told to go without a search for it. */
export class SortedIds {
  readonly #live = new Set<string>()
  /** In rising order; some may have gone. */
  #ids: string[] = []

  add(id: string): void {
    if (this.#live.has(id)) return
    this.#live.add(id)
    const last = this.#ids.at(-1)
    if (last === undefined || last < id) {
      this.#ids.push(id)
      return
    }
    const at = this.#behind(id)
    // It had gone, and its place is still there.
    if (this.#ids[at - 1] !== id) this.#ids.splice(at, 0, id)
  }

  delete(id: string): void {
    if (!this.#live.delete(id)) return
    if (this.#live.size * 2 < this.#ids.length) {
      this.#ids = this.#ids.filter((one) => this.#live.has(one))
    }
  }

  /** Those behind an id, which need not be there. Nothing may be added or deleted meanwhile. */
  *after(id: string): Generator<string> {
    for (let at = this.#behind(id); at < this.#ids.length; at++) {
      const one = this.#ids[at] as string
      if (this.#live.has(one)) yield one
    }
  }

  /** Where the first one behind the id stands. */
  #behind(id: string): number {
    let [low, high] = [0, this.#ids.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#ids[middle] as string) <= id) low = middle + 1
      else high = middle
    }
    return low
  }
}

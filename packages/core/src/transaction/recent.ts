/** What is known of ids, for so many of them: the one that was noted first goes where there is no room for another. */
export class Recent<V> {
  readonly #most: number
  readonly #entries = new Map<string, V>()

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#entries.size
  }

  get(id: string): V | undefined {
    return this.#entries.get(id)
  }

  set(id: string, value: V): void {
    if (!this.#entries.has(id) && this.#entries.size >= this.#most) {
      const { value: oldest } = this.#entries.keys().next()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    this.#entries.set(id, value)
  }

  delete(id: string): void {
    this.#entries.delete(id)
  }
}

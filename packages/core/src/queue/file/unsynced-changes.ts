/**
 * Knows whether everything that was written to a file has been synced. After a failure it never is:
 * nobody knows then which bytes are there, and the next sync proves nothing.
 */
export class UnsyncedChanges {
  #begun = 0
  #ended = 0
  /** So many of the first changes are synced. */
  #synced = 0
  #failed = false

  get none(): boolean {
    return this.#synced === this.#begun && !this.#failed
  }

  /** Follows a change, which may be a sync of itself and of nothing else. */
  async change(change: Promise<void>, { isSync }: { readonly isSync: boolean }): Promise<void> {
    const isAlone = this.none
    const number = ++this.#begun
    await this.#follow(change)
    this.#ended += 1
    if (isSync && isAlone && this.#begun === number) this.#synced = number
  }

  /** Follows a sync: it is one of all that had come to an end when it began. */
  async sync(sync: Promise<void>): Promise<void> {
    const covered = this.#ended === this.#begun ? this.#begun : 0
    await this.#follow(sync)
    this.#synced = Math.max(this.#synced, covered)
  }

  async #follow(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#failed = true
      throw error
    }
  }
}

import { hasEnded, type StoredHead } from './head-table.ts'

const mostKnown = 1_000

/**
 * Heads as this process put or read them last: the one that a change is most likely made to. What is in
 * here may be old; a conditional update says so.
 */
export class KnownHeads {
  readonly #heads = new Map<string, StoredHead>()

  get(id: string): StoredHead | undefined {
    return this.#heads.get(id)
  }

  set(stored: StoredHead): void {
    const { id } = stored.head
    this.#heads.delete(id)
    if (hasEnded(stored.head)) return
    const oldest = this.#heads.keys().next().value
    if (this.#heads.size >= mostKnown && oldest !== undefined) this.#heads.delete(oldest)
    this.#heads.set(id, stored)
  }

  delete(id: string): void {
    this.#heads.delete(id)
  }
}

import type { FileLease } from './file-lease.ts'

/**
 * Records handed out and not done with, in the order in which they were handed out first. They are linked to
 * each other rather than kept in a set: each record comes and goes, and a set takes several times as long for that.
 */
export class OpenLeases {
  #oldest: FileLease | undefined
  #newest: FileLease | undefined

  get oldest(): FileLease | undefined {
    return this.#oldest
  }

  /** It is none of them yet. */
  add(lease: FileLease): void {
    lease.older = this.#newest
    if (this.#newest === undefined) this.#oldest = lease
    else this.#newest.newer = lease
    this.#newest = lease
  }

  /** It is one of them. */
  delete(lease: FileLease): void {
    const { older, newer } = lease
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    lease.older = undefined
    lease.newer = undefined
  }

  *[Symbol.iterator](): Generator<FileLease> {
    for (let lease = this.#oldest; lease !== undefined; lease = lease.newer) yield lease
  }
}

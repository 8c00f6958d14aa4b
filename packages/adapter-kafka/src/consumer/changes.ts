/** Counts what has changed in a partition, and tells what of it the cluster knows. */
export class Changes {
  #now = 0
  #collected = 0
  #saved = 0

  /** So much has changed up to now. */
  get now(): number {
    return this.#now
  }

  /** Something more has changed. */
  add(): void {
    this.#now++
  }

  /** A commit was made up. */
  collect(): void {
    this.#collected = this.#now
  }

  /** The commit that was made up last has come through. */
  save(): void {
    this.#saved = this.#collected
  }

  /** True once the cluster knows of all that had changed by then. */
  isSaved(count: number): boolean {
    return this.#saved >= count
  }
}

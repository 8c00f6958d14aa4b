/** A file whose descriptors can be closed while nobody uses it, and opened again. */
export interface Shelvable {
  /** How many descriptors it has open. */
  readonly descriptors: number
  /** Closes them. Called only while the file is on the shelf, which it thereby leaves. */
  shelve(): void
}

/** Descriptors of log files, of which more are not kept open in the process if they are idle. */
const mostOpen = 256

/**
 * Bounds the number of open files, however many namespaces there are: where it would get too large,
 * those are closed that were used longest ago. Only files that are on the shelf: nobody is using
 * them, and every change made to them is synced.
 */
export class FileHandles {
  readonly #most: number
  /** In the order of their last use. */
  readonly #shelf = new Set<Shelvable>()
  #open = 0

  constructor(most = mostOpen) {
    this.#most = most
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#open
  }

  /** That many were opened, for which others may have to make room. */
  opened(descriptors: number): void {
    this.#open += descriptors
    this.#makeRoom()
  }

  closed(descriptors: number): void {
    this.#open -= descriptors
  }

  putUp(file: Shelvable): void {
    this.#shelf.add(file)
    this.#makeRoom()
  }

  takeDown(file: Shelvable): void {
    this.#shelf.delete(file)
  }

  #makeRoom(): void {
    for (const file of this.#shelf) {
      if (this.#open <= this.#most) return
      this.#shelf.delete(file)
      this.#open -= file.descriptors
      file.shelve()
    }
  }
}

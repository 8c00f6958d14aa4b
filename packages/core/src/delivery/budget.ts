/** What a shard may have in flight, over all of its targets. */
export interface DeliveryBudgetOptions {
  /** Batches being applied at once. */
  readonly concurrency: number
  /** Bytes of the records being applied. A batch that alone is larger goes by itself. */
  readonly bytes: number
}

/**
 * Slots and bytes that the targets of a shard share. Who finds no room stands in line, once each;
 * room goes to the head of the line, and nobody overtakes it, so that a target with large batches
 * is not starved by those with small ones. Who had its turn and wants more goes to the back.
 */
export class DeliveryBudget {
  readonly #concurrency: number
  readonly #bytes: number
  /** Invariant: 0 <= usedSlots <= concurrency. */
  #usedSlots = 0
  /** Invariant: usedBytes <= bytes, unless a single batch is larger and in flight alone. */
  #usedBytes = 0
  readonly #line = new Set<BudgetShare>()

  constructor({ concurrency, bytes }: DeliveryBudgetOptions) {
    this.#concurrency = concurrency
    this.#bytes = bytes
  }

  get usedSlots(): number {
    return this.#usedSlots
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** One target's door to the budget. `onTurn` is called when it may try again. */
  share(onTurn: () => void): BudgetShare {
    const share: BudgetShare = {
      take: (bytes) => this.#take(share, bytes),
      give: (bytes) => this.#give(bytes),
      leaveLine: () => this.#leaveLine(share),
      onTurn,
    }
    return share
  }

  #take(share: BudgetShare, bytes: number): boolean {
    const [head] = this.#line
    if ((head !== undefined && head !== share) || !this.#fits(bytes)) {
      this.#line.add(share)
      return false
    }
    this.#usedSlots++
    this.#usedBytes += bytes
    this.#leaveLine(share)
    return true
  }

  #fits(bytes: number): boolean {
    if (this.#usedSlots >= this.#concurrency) return false
    return this.#usedSlots === 0 || this.#usedBytes + bytes <= this.#bytes
  }

  #give(bytes: number): void {
    this.#usedSlots--
    this.#usedBytes -= bytes
    this.#callHead()
  }

  #leaveLine(share: BudgetShare): void {
    if (this.#line.delete(share)) this.#callHead()
  }

  /** The head tries, and leaves the line either with what it took or because it wants nothing. */
  #callHead(): void {
    if (this.#usedSlots >= this.#concurrency) return
    const [head] = this.#line
    head?.onTurn()
  }
}

/** One target's door to a {@link DeliveryBudget}. */
export interface BudgetShare {
  /** Takes a slot and the bytes, or answers false and stands in line. */
  take(bytes: number): boolean
  /** Gives back a slot and the bytes taken with it. */
  give(bytes: number): void
  /** Wants nothing any more: the next in line is called. Harmless outside of the line. */
  leaveLine(): void
  /** Called at its turn: it must `take`, or leave the line. */
  readonly onTurn: () => void
}

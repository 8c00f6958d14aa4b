/** What a mark asks of a record. */
export interface MarkedRecord {
  readonly sequence: number
  /** 0 if it has no delay. */
  readonly dueAt: number
}

/** Where a mark stands, and its count; apart from the mark, which its holder may forget. */
class MarkCount {
  readonly upTo: number
  readonly instant: number
  left: number

  constructor(upTo: number, instant: number, left: number) {
    this.upTo = upTo
    this.instant = instant
    this.left = left
  }

  covers(sequence: number, dueAt: number): boolean {
    return sequence <= this.upTo && dueAt <= this.instant
  }
}

/** Counts down to the end of what was in the queue, and due, at one instant. */
export class FileMark {
  readonly #count: MarkCount

  constructor(count: MarkCount) {
    this.#count = count
  }

  get upTo(): number {
    return this.#count.upTo
  }

  get instant(): number {
    return this.#count.instant
  }

  /** How many of the records that it covers were looked at, and are not done with. */
  get left(): number {
    return this.#count.left
  }

  covers({ sequence, dueAt }: MarkedRecord): boolean {
    return this.#count.covers(sequence, dueAt)
  }
}

/**
 * The marks that somebody still holds: there is no end to a mark but that nobody asks any more. Each
 * record is counted twice, so what is counted is at hand, and only `add` looks who holds what.
 */
export class FileMarks {
  #marks: { readonly count: MarkCount; readonly held: WeakRef<FileMark> }[] = []

  /** `left`: how many of the records that it covers were looked at, and are not done with. */
  add(upTo: number, instant: number, left: number): FileMark {
    const count = new MarkCount(upTo, instant, left)
    const mark = new FileMark(count)
    this.#marks = this.#marks.filter(({ held }) => held.deref() !== undefined)
    this.#marks.push({ count, held: new WeakRef(mark) })
    return mark
  }

  /** A record that is not done with was looked at for the first time. */
  looked(sequence: number, dueAt: number): void {
    for (const { count } of this.#marks) if (count.covers(sequence, dueAt)) count.left++
  }

  /** A record that was looked at is done with. */
  ended(sequence: number, dueAt: number): void {
    for (const { count } of this.#marks) if (count.covers(sequence, dueAt)) count.left--
  }

  /** Counts anew what each has left. */
  recount(leftOf: (covers: (sequence: number, dueAt: number) => boolean) => number): void {
    for (const { count } of this.#marks) {
      count.left = leftOf((sequence, dueAt) => count.covers(sequence, dueAt))
    }
  }
}

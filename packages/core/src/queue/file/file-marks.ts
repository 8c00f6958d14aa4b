/** What a mark asks of a record. */
export interface MarkedRecord {
  readonly sequence: number
  /** 0 if it has no delay. */
  readonly dueAt: number
}

/** Counts down to the end of what was in the queue, and due, at one instant. */
export class FileMark {
  readonly upTo: number
  readonly instant: number
  /** How many of the records that it covers were looked at, and are not done with. */
  left: number

  constructor(upTo: number, instant: number, left: number) {
    this.upTo = upTo
    this.instant = instant
    this.left = left
  }

  covers({ sequence, dueAt }: MarkedRecord): boolean {
    return sequence <= this.upTo && dueAt <= this.instant
  }
}

/** The marks that somebody still holds: there is no end to a mark but that nobody asks any more. */
export class FileMarks {
  readonly #marks = new Set<WeakRef<FileMark>>()

  add(mark: FileMark): void {
    for (const each of this.#marks) if (!each.deref()) this.#marks.delete(each)
    this.#marks.add(new WeakRef(mark))
  }

  /** A record that is not done with was looked at for the first time. */
  looked(record: MarkedRecord): void {
    this.#change(record, 1)
  }

  /** A record that was looked at is done with. */
  ended(record: MarkedRecord): void {
    this.#change(record, -1)
  }

  /** Counts anew what each has left. */
  recount(count: (mark: FileMark) => number): void {
    for (const each of this.#marks) {
      const mark = each.deref()
      if (mark) mark.left = count(mark)
    }
  }

  #change(record: MarkedRecord, by: number): void {
    if (this.#marks.size === 0) return
    for (const each of this.#marks) {
      const mark = each.deref()
      if (mark?.covers(record)) mark.left += by
    }
  }
}

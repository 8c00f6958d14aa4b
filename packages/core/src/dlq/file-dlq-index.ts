import type { LetterSummary } from './file-dlq-format.ts'

/** A letter and where its bytes are. */
export interface IndexedLetter extends LetterSummary {
  /** Offset of its entry in the journal; another one after each rewrite. */
  offset: number
  bodyBytes: number
  /** True once it was removed, or put again. */
  gone: boolean
}

/** Letters that are gone stay in the list until there are this many, and half of all. */
const sweepCount = 1024

/** Every letter without its bytes, in the order in which they were put. */
export class LetterIndex {
  readonly #byId = new Map<string, IndexedLetter>()
  /** In rising order of their numbers, with those that are gone, so that a page can go on there. */
  #inOrder: IndexedLetter[] = []
  #liveBytes = 0

  get size(): number {
    return this.#byId.size
  }

  /** Bytes of the bodies of all letters that wait. */
  get liveBytes(): number {
    return this.#liveBytes
  }

  /** Its number must be higher than that of every letter before. */
  put(summary: LetterSummary, offset: number, bodyBytes: number): void {
    const earlier = this.#byId.get(summary.id)
    if (earlier) this.remove(earlier)
    const letter = { ...summary, offset, bodyBytes, gone: false }
    this.#byId.set(letter.id, letter)
    this.#inOrder.push(letter)
    this.#liveBytes += bodyBytes
  }

  /** False if it was gone already. */
  remove(letter: IndexedLetter): boolean {
    if (letter.gone) return false
    letter.gone = true
    this.#byId.delete(letter.id)
    this.#liveBytes -= letter.bodyBytes
    const goneCount = this.#inOrder.length - this.#byId.size
    if (goneCount >= sweepCount && goneCount > this.#byId.size) {
      this.#inOrder = this.#inOrder.filter(({ gone }) => !gone)
    }
    return true
  }

  /** Its entry is there now, after a rewrite. */
  moved(letter: IndexedLetter, offset: number, bodyBytes: number): void {
    letter.offset = offset
    if (!letter.gone) this.#liveBytes += bodyBytes - letter.bodyBytes
    letter.bodyBytes = bodyBytes
  }

  get(id: string): IndexedLetter | undefined {
    return this.#byId.get(id)
  }

  byNumber(number: number): IndexedLetter | undefined {
    const letter = this.#inOrder[this.#firstBehind(number - 1)]
    return letter?.number === number && !letter.gone ? letter : undefined
  }

  /** The letters behind a number, oldest first, as they are now; 0 for all. */
  behind(number: number): readonly IndexedLetter[] {
    return this.#inOrder.slice(this.#firstBehind(number)).filter(({ gone }) => !gone)
  }

  /** Up to `most` letters behind a number that pass the test. */
  find(
    number: number,
    most: number,
    test: (letter: IndexedLetter) => boolean,
  ): readonly IndexedLetter[] {
    const found: IndexedLetter[] = []
    for (let at = this.#firstBehind(number); at < this.#inOrder.length; at++) {
      const letter = this.#inOrder[at]
      if (!letter || letter.gone || !test(letter)) continue
      found.push(letter)
      if (found.length === most) break
    }
    return found
  }

  #firstBehind(number: number): number {
    let low = 0
    let high = this.#inOrder.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#inOrder[middle]?.number ?? 0) <= number) low = middle + 1
      else high = middle
    }
    return low
  }
}

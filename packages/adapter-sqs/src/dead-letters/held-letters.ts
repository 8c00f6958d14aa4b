import type { StampedLetter } from './letter-message.ts'

/** A letter whose message is hidden from everybody else. */
export interface HeldLetter extends StampedLetter {
  readonly messageId: string
  readonly receipt: string
  readonly sentAt: number
  readonly body: string
}

/** The letters that a look holds, by their ids. */
export class HeldLetters {
  readonly #all = new Map<string, HeldLetter>()
  /** Ids whose message may not be the one that counts: they were put again, or could not be deleted. */
  readonly #doubtful = new Set<string>()
  #bytes = 0

  get size(): number {
    return this.#all.size
  }

  get bytes(): number {
    return this.#bytes
  }

  all(): readonly HeldLetter[] {
    return [...this.#all.values()]
  }

  /** Also one in doubt. */
  get(id: string): HeldLetter | undefined {
    return this.#all.get(id)
  }

  /** True for one that is in no doubt. */
  has(id: string): boolean {
    return this.#all.has(id) && !this.#doubtful.has(id)
  }

  add(one: HeldLetter): void {
    const { id } = one.letter
    this.forget(id)
    this.#bytes += bytesOf(one)
    this.#all.set(id, one)
  }

  doubt(id: string): void {
    if (this.#all.has(id)) this.#doubtful.add(id)
  }

  /** Another look tells. */
  doubtNone(): void {
    this.#doubtful.clear()
  }

  forget(id: string): void {
    const one = this.#all.get(id)
    if (one === undefined) return
    this.#bytes -= bytesOf(one)
    this.#all.delete(id)
    this.#doubtful.delete(id)
  }

  forgetAll(): void {
    this.#all.clear()
    this.#doubtful.clear()
    this.#bytes = 0
  }
}

/** Of two messages of one letter the one with the later stamp counts. */
export function isLater(one: HeldLetter, other: HeldLetter): boolean {
  return one.stamp === other.stamp ? one.sentAt > other.sentAt : one.stamp > other.stamp
}

function bytesOf({ body, letter }: HeldLetter): number {
  return body.length + (letter.record.payload?.byteLength ?? 0)
}

/** Sequences per chunk. */
const chunkSize = 4096
const wordsPerChunk = chunkSize / 32

interface Chunk {
  /** One bit per sequence; undefined once all of them are set. */
  bits: Uint32Array | undefined
  /** How many bits are set. */
  count: number
}

/** Sequences from `from` to `to`, both included. */
export type SequenceRange = readonly [from: number, to: number]

/**
 * The sequences that are done with: all up to `through`, and scattered ones above it.
 *
 * Adding and asking take constant time wherever the holes are: above `through` it keeps a bit per
 * sequence in chunks, and nothing but a count for a chunk that is full. A single hole that stays
 * open under a hundred million later sequences costs about 2 MB.
 */
export class AckedSequences {
  #through = 0
  #highest = 0
  /** How many are in above `through`. */
  #above = 0
  /** By sequence / chunkSize. Chunks wholly at or below `through` are gone. */
  readonly #chunks = new Map<number, Chunk>()

  /** All sequences from 1 to this one are in. */
  get through(): number {
    return this.#through
  }

  /** The highest that is in; 0 if none is. */
  get highest(): number {
    return this.#highest
  }

  has(sequence: number): boolean {
    if (sequence <= this.#through) return true
    if (sequence > this.#highest) return false
    const chunk = this.#chunks.get(Math.floor(sequence / chunkSize))
    return chunk !== undefined && isSet(chunk, sequence % chunkSize)
  }

  /** The lowest sequence from this one on that is not in. */
  nextMissing(from: number): number {
    let sequence = Math.max(from, this.#through + 1)
    while (sequence <= this.#highest) {
      const chunk = this.#chunks.get(Math.floor(sequence / chunkSize))
      const run = chunk ? runAt(chunk, sequence % chunkSize) : 0
      if (run === 0) break
      sequence += run
    }
    return sequence
  }

  /** Puts one in. False if it was in already. */
  add(sequence: number): boolean {
    if (sequence === this.#through + 1 && this.#above === 0) {
      this.#advanceTo(sequence)
      return true
    }
    if (this.has(sequence)) return false
    const key = Math.floor(sequence / chunkSize)
    let chunk = this.#chunks.get(key)
    if (!chunk) {
      chunk = { bits: new Uint32Array(wordsPerChunk), count: 0 }
      this.#chunks.set(key, chunk)
    }
    set(chunk, sequence % chunkSize)
    this.#above++
    if (sequence > this.#highest) this.#highest = sequence
    if (sequence === this.#through + 1) this.#absorb()
    return true
  }

  /** Puts all of them in. */
  addRange([from, to]: SequenceRange): void {
    if (from <= this.#through + 1 && to > this.#through && this.#above === 0) {
      this.#advanceTo(to)
      return
    }
    let sequence = Math.max(from, this.#through + 1)
    while (sequence <= to) {
      if (sequence % chunkSize === 0 && sequence + chunkSize - 1 <= to) {
        this.#fill(sequence / chunkSize)
        sequence += chunkSize
      } else this.add(sequence++)
      // It may have closed up with what was in already.
      sequence = Math.max(sequence, this.#through + 1)
    }
  }

  /** How many of the sequences from 1 to `upTo` are not in. */
  countMissing(upTo: number): number {
    if (upTo <= this.#through) return 0
    let above = this.#above
    if (upTo < this.#highest) {
      above = 0
      for (const [key, chunk] of this.#chunks) {
        const start = key * chunkSize
        if (start > this.#through && start + chunkSize - 1 <= upTo) above += chunk.count
        else above += countBits(chunk, this.#through + 1 - start, upTo - start)
      }
    }
    return upTo - this.#through - above
  }

  copy(): AckedSequences {
    const copy = new AckedSequences()
    for (const range of this.ranges()) copy.addRange(range)
    return copy
  }

  /** Everything that is in, as ranges in rising order that do not touch. */
  *ranges(): Generator<SequenceRange> {
    if (this.#through > 0) yield [1, this.#through]
    let from = 0
    let to = -1
    for (const key of [...this.#chunks.keys()].sort((a, b) => a - b)) {
      const chunk = this.#chunks.get(key) as Chunk
      const start = key * chunkSize
      let bit = Math.max(0, this.#through + 1 - start)
      while (bit < chunkSize) {
        const run = runAt(chunk, bit)
        if (run > 0 && start + bit !== to + 1) {
          if (from > 0) yield [from, to]
          from = start + bit
        }
        if (run > 0) to = start + bit + run - 1
        bit += Math.max(run, 1)
      }
    }
    if (from > 0) yield [from, to]
  }

  /** Puts in a whole chunk above `through`. */
  #fill(key: number): void {
    this.#above += chunkSize - (this.#chunks.get(key)?.count ?? 0)
    this.#chunks.set(key, { bits: undefined, count: chunkSize })
    const start = key * chunkSize
    this.#highest = Math.max(this.#highest, start + chunkSize - 1)
    if (start === this.#through + 1) this.#absorb()
  }

  /** Moves `through` over the sequences that now follow it without a hole. */
  #absorb(): void {
    let next = this.#through
    while (this.#above > 0) {
      const chunk = this.#chunks.get(Math.floor((next + 1) / chunkSize))
      if (!chunk) break
      const run = runAt(chunk, (next + 1) % chunkSize)
      if (run === 0) break
      next += run
      this.#above -= run
    }
    this.#advanceTo(next)
  }

  #advanceTo(through: number): void {
    if (this.#chunks.size > 0) {
      const last = Math.floor((through + 1) / chunkSize)
      for (let key = Math.floor(this.#through / chunkSize); key < last; key++) {
        this.#chunks.delete(key)
      }
    }
    this.#through = through
    if (through > this.#highest) this.#highest = through
  }
}

function isSet({ bits }: Chunk, bit: number): boolean {
  return !bits || ((bits[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0
}

/** How many bits from here on are known at one look to be set: none, this one, or a whole chunk. */
function runAt(chunk: Chunk, bit: number): number {
  if (!isSet(chunk, bit)) return 0
  return !chunk.bits && bit === 0 ? chunkSize : 1
}

function set(chunk: Chunk, bit: number): void {
  if (!chunk.bits) return
  chunk.bits[bit >>> 5] = (chunk.bits[bit >>> 5] ?? 0) | (1 << (bit & 31))
  chunk.count++
  if (chunk.count === chunkSize) chunk.bits = undefined
}

/** Bits set from `first` to `last`, both included and cut to the chunk. */
function countBits(chunk: Chunk, first: number, last: number): number {
  let count = 0
  for (let bit = Math.max(0, first); bit <= Math.min(last, chunkSize - 1); bit++) {
    if (isSet(chunk, bit)) count++
  }
  return count
}

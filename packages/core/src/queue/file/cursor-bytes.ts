import { WalError } from '../../errors.ts'
import type { SequenceRange } from './cursor-acked.ts'

/**
 * Writes numbers in as few bytes as they need: 7 bits a byte, the lowest first, the top bit set on
 * all but the last. Whole numbers from 0 to 2^53 - 1.
 */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256)
  #end = 0

  get length(): number {
    return this.#end
  }

  number(value: number): void {
    this.#reserve(8)
    let rest = value
    // Bit operations work on 32 bits only.
    while (rest > 0x7fff_ffff) {
      this.#bytes[this.#end++] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    while (rest > 0x7f) {
      this.#bytes[this.#end++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#bytes[this.#end++] = rest
  }

  text(value: string): void {
    const length = Buffer.byteLength(value)
    this.number(length)
    this.#reserve(length)
    this.#end += this.#bytes.write(value, this.#end)
  }

  /** Each range by its distance from the one before, which may lie in either direction. */
  ranges(ranges: readonly SequenceRange[]): void {
    this.number(ranges.length)
    let last = 0
    for (const [from, to] of ranges) {
      const distance = from - last
      this.number(distance >= 0 ? distance * 2 : -distance * 2 - 1)
      this.number(to - from)
      last = to
    }
  }

  /** What was written since the last time. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#end)
    this.#bytes = Buffer.allocUnsafe(256)
    this.#end = 0
    return taken
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.byteLength) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.byteLength * 2, this.#end + bytes))
    this.#bytes.copy(larger, 0, 0, this.#end)
    this.#bytes = larger
  }
}

/** Reads what a {@link ByteWriter} wrote. Throws `ERR_CORRUPT_LOG` where that ends too soon. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.byteLength
  }

  number(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined || scale > 2 ** 49) throw malformed()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }

  text(): string {
    const length = this.number()
    const from = this.#at
    this.#at += length
    if (this.#at > this.#bytes.byteLength) throw malformed()
    return this.#bytes.toString('utf8', from, this.#at)
  }

  *ranges(): Generator<SequenceRange> {
    let last = 0
    for (let left = this.number(); left > 0; left--) {
      const coded = this.number()
      const from = last + (coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2)
      last = from + this.number()
      yield [from, last]
    }
  }
}

function malformed(): WalError {
  return new WalError('ERR_CORRUPT_LOG', 'An entry ends before it should.')
}

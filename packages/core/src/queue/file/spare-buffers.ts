export interface SpareBuffersOptions {
  /** Of a new buffer. */
  readonly byteLength: number
  /** A buffer that has grown beyond this is not kept. Default: `byteLength`. */
  readonly largestBytes?: number
}

/** How many are kept: about as many as may be wanted at the same time. */
const mostKept = 4

/**
 * Buffers that nobody needs for now, kept for whoever needs one next. They are the process's, so that
 * memory is taken by the logs that are written to or read from, not by all that are open.
 */
export class SpareBuffers {
  readonly #byteLength: number
  readonly #largestBytes: number
  /** Two of the largest: one is on its way while another is filled. More would be kept for nothing after a burst. */
  readonly #mostBytes: number
  readonly #spare: Buffer[] = []
  #bytes = 0

  constructor({ byteLength, largestBytes = byteLength }: SpareBuffersOptions) {
    this.#byteLength = byteLength
    this.#largestBytes = largestBytes
    this.#mostBytes = Math.max(mostKept * byteLength, 2 * largestBytes)
  }

  /** One with anything in it; the taker's alone until it is given back. */
  take(): Buffer {
    const buffer = this.#spare.pop()
    this.#bytes -= buffer?.length ?? 0
    return buffer ?? Buffer.allocUnsafeSlow(this.#byteLength)
  }

  /** Whoever gives it must not look at it again. */
  give(buffer: Buffer): void {
    const fits = buffer.length >= this.#byteLength && buffer.length <= this.#largestBytes
    const hasRoom = this.#spare.length < mostKept && this.#bytes + buffer.length <= this.#mostBytes
    if (!fits || !hasRoom) return
    this.#spare.push(buffer)
    this.#bytes += buffer.length
  }
}

/** Stands where no buffer is held. */
export const noBuffer: Buffer = Buffer.alloc(0)

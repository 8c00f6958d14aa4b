import { markAsUntransferable } from 'node:worker_threads'
import { copyOf, type TakePayload } from './record-format.ts'
import { noBuffer } from './spare-buffers.ts'

/** A payload of so many bytes and more is copied by itself. */
const largeBytes = 4 * 1024
/** Copied together at least: as much as Node has small buffers share. */
const leastBytes = 8 * 1024
/** And at most so many times what the first of them has: one that is kept alone holds on to all of it. */
const mostTimes = 16

/**
 * Takes payloads out of a buffer that is going to be written over. Small ones that lie beside each other are
 * copied together, with what is between them, and share the memory: a copy for each takes longer than the bytes.
 * A transfer of that memory to another thread, which would empty all of them, throws.
 */
export class PayloadCopies {
  /** Bytes of the buffer from `#start` to `#end`. */
  #copied: Buffer = noBuffer
  #start = 0
  #end = 0
  #filled = 0

  /** The buffer has other bytes now, so many. */
  begin(filled: number): void {
    this.#copied = noBuffer
    this.#start = 0
    this.#end = 0
    this.#filled = filled
  }

  readonly take: TakePayload = (from, start, end) => {
    if (end - start >= largeBytes) return copyOf(from, start, end)
    if (start < this.#start || end > this.#end) this.#copy(from, start, (end - start) * mostTimes)
    return this.#copied.subarray(start - this.#start, end - this.#start)
  }

  #copy(from: Buffer, start: number, bytes: number): void {
    const end = Math.min(start + Math.max(bytes, leastBytes), this.#filled)
    this.#copied = Buffer.allocUnsafeSlow(end - start)
    this.#copied.set(new Uint8Array(from.buffer, from.byteOffset + start, end - start))
    markAsUntransferable(this.#copied.buffer)
    this.#start = start
    this.#end = end
  }
}

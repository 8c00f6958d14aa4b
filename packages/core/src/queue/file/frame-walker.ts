import { markAsUntransferable } from 'node:worker_threads'
import type { ReadableFile } from './file-system.ts'
import {
  bodyBytesOf,
  frameBytes,
  frameHeaderBytes,
  isFrameHeader,
  isIntactFrame,
  sequenceOf,
  syncedBytesOf,
} from './frame.ts'
import { isMarker } from './marker.ts'
import { PayloadCopies } from './payload-copies.ts'
import { type TakePayload, viewOf } from './record-format.ts'
import { noBuffer, SpareBuffers } from './spare-buffers.ts'
import { readWholeFrame } from './whole-frame.ts'

/**
 * Read at once. Somewhat more than half a mebibyte, so that of records of 64 KiB, with their other fields, eight are
 * whole and not seven: the buffer stays with these, and is collected with them.
 */
const chunkBytes = 528 * 1024
/** A frame larger than that is read into a buffer of its own, for its record to keep. */
const largeFrameBytes = 256 * 1024
/**
 * For a frame of so many bytes the chunk's buffer may be kept, which takes less than a copy. One that is
 * kept alone then holds on to little more than eight times its bytes.
 */
const leastKeptBytes = 64 * 1024
const spareChunks = new SpareBuffers({ byteLength: chunkBytes })

/** A frame to begin with: where it is, and the sequence it must have. */
export interface FramePosition {
  readonly offset: number
  readonly sequence: number
}

/**
 * Walks the frames of one segment in order. Its buffer is read in chunks and used again: what is
 * kept of a frame must be taken by `take` before the next `check`.
 * A frame larger than about half a chunk has a buffer of its own.
 *
 * ```ts
 * while (walker.check(limit) ?? (await walker.load(limit))) { …; walker.advance() }
 * ```
 */
export class FrameWalker {
  readonly #file: ReadableFile
  readonly #salt: number
  /** Holds the file's bytes from `#start`, `#filled` of them. */
  #chunk: Buffer = noBuffer
  /** Somebody keeps the chunk's buffer. */
  #isLeft = false
  readonly #copies = new PayloadCopies()
  #start = 0
  #filled = 0
  #offset: number
  #sequence: number
  /** The current frame, if it is a large one; found to be intact. */
  #large: Buffer | undefined
  /** Of the current frame, once `check` or `load` has found it to be there. */
  #bodyBytes = 0

  constructor(file: ReadableFile, salt: number, from: FramePosition) {
    this.#file = file
    this.#salt = salt
    this.#offset = from.offset
    this.#sequence = from.sequence
  }

  /** Offset of the current frame in the segment. */
  get offset(): number {
    return this.#offset
  }

  /** The sequence of the current frame. */
  get sequence(): number {
    return this.#sequence
  }

  get buffer(): Buffer {
    return this.#large ?? this.#chunk
  }

  /**
   * How the current frame's payload is taken out of the buffer, by whoever wants it. One that has most of the
   * buffer keeps it, and it is not used again; others are copied. Memory that several may share cannot be transferred
   * to another thread: it throws, as that would empty it for all of them.
   */
  get take(): TakePayload {
    if (this.#large === undefined && this.#bodyBytes < leastKeptBytes) return this.#copies.take
    if (this.#large === undefined) this.#isLeft = true
    markAsUntransferable(this.buffer.buffer)
    return viewOf
  }

  /** Where the current frame's body begins in the buffer. */
  get bodyStart(): number {
    return this.#at + frameHeaderBytes
  }

  get bodyEnd(): number {
    return this.bodyStart + this.#bodyBytes
  }

  /** Bytes the current frame takes up in its segment. */
  get bytes(): number {
    return frameBytes(this.#bodyBytes)
  }

  get syncedBytes(): number {
    return syncedBytesOf(this.buffer, this.#at)
  }

  get isMarker(): boolean {
    return isMarker(this.buffer, this.bodyStart)
  }

  /**
   * True if a whole frame with the sequence expected lies here and ends before `limit`; false if
   * not; undefined if `load` has to read more of the file to tell.
   */
  check(limit: number): boolean | undefined {
    if (this.#large !== undefined) return true
    if (this.#offset + frameHeaderBytes > limit) return false
    if (!this.#holds(frameHeaderBytes)) return undefined
    const at = this.#at
    if (!isFrameHeader(this.#chunk, at, this.#salt)) return false
    if (sequenceOf(this.#chunk, at) !== this.#sequence) return false
    this.#bodyBytes = bodyBytesOf(this.#chunk, at)
    const bytes = frameHeaderBytes + this.#bodyBytes
    if (this.#offset + bytes > limit) return false
    if (bytes > largeFrameBytes || !this.#holds(bytes)) return undefined
    return isIntactFrame(this.#chunk, at, this.#salt)
  }

  /** Reads what `check` is missing, and answers as it would. */
  async load(limit: number): Promise<boolean> {
    let answer = this.check(limit)
    while (answer === undefined) {
      const wanted = this.#holds(frameHeaderBytes) ? this.#frameBytes : frameHeaderBytes
      if (wanted > largeFrameBytes) return await this.#loadLarge()
      if (!(await this.#fill(wanted, limit))) return false
      answer = this.check(limit)
    }
    return answer
  }

  /** Goes on to the next frame. */
  advance(): void {
    const isRecord = !this.isMarker
    this.#offset += this.bytes
    if (isRecord) this.#sequence += 1
    this.#large = undefined
  }

  /** Gives up its buffer: to be called, between two frames, where it may be long until the next. */
  rest(): void {
    this.#filled = 0
    this.#copies.begin(0)
    this.#giveChunk()
  }

  /** Where the current frame begins in the buffer. */
  get #at(): number {
    return this.#large === undefined ? this.#offset - this.#start : 0
  }

  /** Of the current frame, whose header is in the chunk; without padding. */
  get #frameBytes(): number {
    return frameHeaderBytes + bodyBytesOf(this.#chunk, this.#at)
  }

  #holds(bytes: number): boolean {
    return this.#at >= 0 && this.#at + bytes <= this.#filled
  }

  async #loadLarge(): Promise<boolean> {
    const end = Math.min(this.#filled, this.#at + this.#frameBytes)
    const head = this.#chunk.subarray(this.#at, end)
    this.#large = await readWholeFrame(this.#file, this.#offset, head, this.#salt)
    return this.#large !== undefined
  }

  /** Reads on from the current frame. False if the file ends before it has so many bytes. */
  async #fill(wanted: number, limit: number): Promise<boolean> {
    if (this.#isLeft) this.#giveChunk()
    if (this.#chunk === noBuffer) this.#chunk = spareChunks.take()
    const room = this.#chunk.subarray(0, limit - this.#offset)
    this.#filled = 0
    this.#start = this.#offset
    this.#filled = await this.#file.read(room, this.#offset)
    this.#copies.begin(this.#filled)
    return this.#filled >= wanted
  }

  #giveChunk(): void {
    if (!this.#isLeft) spareChunks.give(this.#chunk)
    this.#isLeft = false
    this.#chunk = noBuffer
  }
}

import { WalError } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import { bodyBytesOf, frameHeaderBytes, paddingOf, sealFrame } from './frame.ts'
import type { Parts } from './parts.ts'
import { encodeFields, encodeRecord, fieldsBound } from './record-format.ts'
import { segmentSalt } from './segment-header.ts'
import { noBuffer, SpareBuffers } from './spare-buffers.ts'

/** Where a group is expected to go. */
export interface GroupPlace {
  /** Number of its segment. */
  readonly segment: number
  /** Sequence of its first record. */
  readonly sequence: number
  /** Offset in its segment; all that lies before it is synced by the time it is written. */
  readonly offset: number
}

/** What a group needs to know of its log. */
export interface GroupFormat {
  /** Of the log. */
  readonly salt: number
  /** The namespace that records need not repeat. */
  readonly namespace: string
}

const durable: readonly SendOutcome[] = Object.freeze([Object.freeze({ durable: 'yes' })])

const initialBytes = 64 * 1024
/** A buffer larger than this is not kept for the next group. Most groups end a little above 8 MiB. */
const largestKeptBytes = 9 * 1024 * 1024
const spareBuffers = new SpareBuffers({ byteLength: initialBytes, largestBytes: largestKeptBytes })
/** Frames that take less than one part in so many of their buffer are copied, for whoever wants to keep them. */
const leastShareTaken = 4
/** Offsets in a segment are u32; a group that gets anywhere near is refused. */
const largestGroupBytes = 2 ** 30
/** From this size on a payload is written from where it is. A smaller one is sooner copied. */
const largePayloadBytes = 256 * 1024
/** Zeros between two frames. */
const mostPadding = 7

/** A payload that is not in the group's buffer. */
interface LargePayload {
  readonly payload: Uint8Array
  /** Where its frame begins in the buffer. */
  readonly frameAt: number
  /** Where in the buffer it belongs: between its record's fields and the padding. */
  readonly at: number
}

/**
 * Records that share one write and one sync, already as the frames they will be on disk. Records
 * are encoded as they are added, while the group before is still on its way.
 *
 * The stamps in the frames (sequences, `syncedBytes`, the segment's salt) say where the group is
 * expected to go. After a failure it goes elsewhere, and is stamped anew.
 */
export class Group {
  readonly #format: GroupFormat
  #buffer: Buffer = noBuffer
  #place: GroupPlace = { segment: 0, sequence: 0, offset: 0 }
  /** What the next frame gets. Used again for each: one for every record would be much for the collector. */
  #stamp = { sequence: 0, syncedBytes: 0, salt: 0 }
  /** Bytes of the buffer in use. */
  #filled = 0
  /** In their order. They must not change until the group is settled. */
  #large: LargePayload[] = []
  #largeBytes = 0
  #records = 0
  #highestVersion = 0n
  #settle: (outcome: readonly SendOutcome[]) => void = () => {}
  /** One promise for all of the group's callers: they all get the same answer at the same time. */
  #settled: Promise<readonly SendOutcome[]> = Promise.resolve([])

  constructor(format: GroupFormat) {
    this.#format = format
  }

  get place(): GroupPlace {
    return this.#place
  }

  get records(): number {
    return this.#records
  }

  get byteLength(): number {
    return this.#filled + this.#largeBytes
  }

  /** 0n if it holds no record. */
  get highestVersion(): bigint {
    return this.#highestVersion
  }

  /** The frames. Theirs is the group's buffer: valid until the group is settled. */
  get frames(): Parts {
    if (this.#large.length === 0) return this.#buffer.subarray(0, this.#filled)
    const parts: Uint8Array[] = []
    let from = 0
    for (const { at, payload } of this.#large) {
      parts.push(this.#buffer.subarray(from, at), payload)
      from = at
    }
    return [...parts, this.#buffer.subarray(from, this.#filled)]
  }

  /** Empties it for the next use. */
  begin(place: GroupPlace): void {
    if (this.#buffer === noBuffer) this.#buffer = spareBuffers.take()
    this.#place = place
    this.#stamp = this.#stampAt(place)
    this.#filled = 0
    this.#records = 0
    this.#highestVersion = 0n
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** Adds all of the records, or throws and adds none. */
  add(records: readonly StoredRecord[]): void {
    this.#makeRoomFor(records)
    const { namespace } = this.#format
    const stamp = this.#stamp
    stamp.sequence = this.#place.sequence + this.#records
    let at = this.#filled
    let highestVersion = this.#highestVersion
    let large: LargePayload[] | undefined
    for (const record of records) {
      const body = at + frameHeaderBytes
      const payload = largePayloadOf(record)
      const encode = payload === undefined ? encodeRecord : encodeFields
      const end = encode(record, this.#buffer, body, namespace)
      sealFrame(this.#buffer, at, end - body, stamp, payload)
      if (payload !== undefined) {
        large ??= []
        large.push({ payload, frameAt: at, at: end })
      }
      at = this.#pad(end, end - body + (payload?.byteLength ?? 0))
      stamp.sequence += 1
      if (record.version > highestVersion) highestVersion = record.version
    }
    this.#filled = at
    this.#records += records.length
    this.#highestVersion = highestVersion
    if (large !== undefined) this.#addLarge(large)
  }

  /** Adds a frame that holds no record and takes no sequence. */
  addMarker(body: Uint8Array): void {
    const at = this.#filled
    const bodyAt = at + frameHeaderBytes
    this.#makeRoom(at + frameHeaderBytes + body.byteLength + mostPadding)
    this.#buffer.set(body, bodyAt)
    const sequence = this.#place.sequence + this.#records
    sealFrame(this.#buffer, at, body.byteLength, { ...this.#stamp, sequence })
    this.#filled = this.#pad(bodyAt + body.byteLength, body.byteLength)
  }

  /** Stamps the frames for another place than was expected. Does nothing if it is the same. */
  moveTo(place: GroupPlace): void {
    if (isSamePlace(place, this.#place)) return
    this.#place = place
    const stamp = this.#stampAt(place)
    let at = 0
    let next = 0
    while (at < this.#filled) {
      const large = this.#large[next]?.frameAt === at ? this.#large[next++]?.payload : undefined
      const bodyBytes = bodyBytesOf(this.#buffer, at)
      const bytesHere = bodyBytes - (large?.byteLength ?? 0)
      sealFrame(this.#buffer, at, bytesHere, stamp, large)
      at += frameHeaderBytes + bytesHere + paddingOf(bodyBytes)
      stamp.sequence += 1
    }
  }

  /** What became, or will have become, of a call that added that many records. */
  outcomes(records: number): Promise<readonly SendOutcome[]> {
    if (records === 1) return this.#settled
    return this.#settled.then(([outcome]) =>
      outcome === undefined ? [] : new Array<SendOutcome>(records).fill(outcome),
    )
  }

  /**
   * Gives its buffer away, which begins with the frames; or a copy of them, where they take little of it. To be
   * called once they are written. Undefined, and nothing is given, where payloads are elsewhere or the
   * buffer has more than `mostBytes`. Whoever has it gives it to `giveFrameBuffer` in the end.
   */
  takeFrames(mostBytes: number): Buffer | undefined {
    if (this.#large.length > 0) return undefined
    const buffer = this.#buffer
    if (this.#filled * leastShareTaken < buffer.length) {
      // Not from Node's pool: of that, a small copy that is kept holds on to many times its size.
      const copy = Buffer.allocUnsafeSlow(this.#filled)
      buffer.copy(copy, 0, 0, this.#filled)
      return copy
    }
    if (buffer.length > mostBytes) return undefined
    this.#buffer = noBuffer
    return buffer
  }

  /** Answers the callers, and lets go of their payloads and of the buffer. */
  settle(outcome: SendOutcome): void {
    spareBuffers.give(this.#buffer)
    this.#buffer = noBuffer
    this.#large = []
    this.#largeBytes = 0
    this.#settle(outcome.durable === 'yes' ? durable : Object.freeze([Object.freeze(outcome)]))
  }

  #stampAt({ sequence, offset, segment }: GroupPlace) {
    const salt = segmentSalt({ salt: this.#format.salt, number: segment })
    return { sequence, syncedBytes: offset, salt }
  }

  #addLarge(large: readonly LargePayload[]): void {
    for (const one of large) {
      this.#large.push(one)
      this.#largeBytes += one.payload.byteLength
    }
  }

  #makeRoomFor(records: readonly StoredRecord[]): void {
    const each = frameHeaderBytes + this.#format.namespace.length * 3 + mostPadding
    let here = this.#filled
    let elsewhere = this.#largeBytes
    for (const record of records) {
      const payloadBytes = record.payload?.byteLength ?? 0
      here += each + fieldsBound(record)
      if (largePayloadOf(record) === undefined) here += payloadBytes
      else elsewhere += payloadBytes
    }
    if (here + elsewhere > largestGroupBytes) {
      throw new WalError(
        'ERR_PAYLOAD_TOO_LARGE',
        `Records of ${here + elsewhere} bytes in one call are more than the file log can write ` +
          `at once (${largestGroupBytes} bytes). Write fewer or smaller ones at a time.`,
      )
    }
    this.#makeRoom(here)
  }

  #makeRoom(needed: number): void {
    if (needed <= this.#buffer.length) return
    const ample = Math.min(this.#buffer.length * 2, largestKeptBytes)
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, ample))
    this.#buffer.copy(larger, 0, 0, this.#filled)
    this.#buffer = larger
  }

  /** Writes the zeros that follow a body, and answers where the next frame begins. */
  #pad(end: number, bodyBytes: number): number {
    const next = end + paddingOf(bodyBytes)
    for (let at = end; at < next; at++) this.#buffer[at] = 0
    return next
  }
}

/** Takes back what `takeFrames` gave, for another group: whoever had it must not look at it again. */
export function giveFrameBuffer(buffer: Buffer): void {
  spareBuffers.give(buffer)
}

function largePayloadOf({ payload }: StoredRecord): Uint8Array | undefined {
  return payload !== undefined && payload.byteLength >= largePayloadBytes ? payload : undefined
}

function isSamePlace(a: GroupPlace, b: GroupPlace): boolean {
  return a.segment === b.segment && a.sequence === b.sequence && a.offset === b.offset
}

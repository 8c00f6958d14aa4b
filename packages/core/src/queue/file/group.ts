import { WalError } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import { alignFrame, bodyBytesOf, frameBytes, frameHeaderBytes, sealFrame } from './frame.ts'
import { encodeRecord, recordBound } from './record-format.ts'
import { segmentSalt } from './segment-header.ts'

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
/** A buffer larger than this is not kept for the next group. */
const largestKeptBytes = 8 * 1024 * 1024
/** Offsets in a segment are u32; a group that gets anywhere near is refused. */
const largestGroupBytes = 2 ** 30

/**
 * Records that share one write and one sync, already as the frames they will be on disk. Records
 * are encoded as they are added, while the group before is still on its way.
 *
 * The stamps in the frames (sequences, `syncedBytes`, the segment's salt) say where the group is expected to go. After
 * a failure it goes elsewhere, and is stamped anew.
 */
export class Group {
  readonly #format: GroupFormat
  #buffer: Buffer = Buffer.allocUnsafeSlow(initialBytes)
  #place: GroupPlace = { segment: 0, sequence: 0, offset: 0 }
  #bytes = 0
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
    return this.#bytes
  }

  /** 0n if it holds no record. */
  get highestVersion(): bigint {
    return this.#highestVersion
  }

  /** The frames. Theirs is the group's buffer: valid until the group is begun anew. */
  get frames(): Uint8Array {
    return this.#buffer.subarray(0, this.#bytes)
  }

  /** Empties it for the next use. */
  begin(place: GroupPlace): void {
    if (this.#buffer.length > largestKeptBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes)
    this.#place = place
    this.#bytes = 0
    this.#records = 0
    this.#highestVersion = 0n
    this.#settled = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  /** Adds all of the records, or throws and adds none. */
  add(records: readonly StoredRecord[]): void {
    const { namespace } = this.#format
    const salt = this.#salt
    const syncedBytes = this.#place.offset
    let sequence = this.#place.sequence + this.#records
    let at = this.#bytes
    let highestVersion = this.#highestVersion
    for (const record of records) {
      this.#makeRoom(at, frameHeaderBytes + recordBound(record) + namespace.length * 3 + 8)
      const body = at + frameHeaderBytes
      const end = encodeRecord(record, this.#buffer, body, namespace)
      sealFrame(this.#buffer, at, end - body, { sequence, syncedBytes, salt })
      at = this.#pad(end)
      sequence += 1
      if (record.version > highestVersion) highestVersion = record.version
    }
    this.#bytes = at
    this.#records += records.length
    this.#highestVersion = highestVersion
  }

  /** Adds a frame that holds no record and takes no sequence. */
  addMarker(body: Uint8Array): void {
    const at = this.#bytes
    this.#makeRoom(at, frameBytes(body.byteLength))
    this.#buffer.set(body, at + frameHeaderBytes)
    sealFrame(this.#buffer, at, body.byteLength, {
      sequence: this.#place.sequence + this.#records,
      syncedBytes: this.#place.offset,
      salt: this.#salt,
    })
    this.#bytes = this.#pad(at + frameHeaderBytes + body.byteLength)
  }

  /** Stamps the frames for another place than was expected. Does nothing if it is the same. */
  moveTo(place: GroupPlace): void {
    if (isSamePlace(place, this.#place)) return
    this.#place = place
    const salt = this.#salt
    let sequence = place.sequence
    let at = 0
    while (at < this.#bytes) {
      const bodyBytes = bodyBytesOf(this.#buffer, at)
      const stamp = { sequence, syncedBytes: place.offset, salt }
      sealFrame(this.#buffer, at, bodyBytes, stamp)
      at += frameBytes(bodyBytes)
      sequence += 1
    }
  }

  /** What became, or will have become, of a call that added that many records. */
  outcomes(records: number): Promise<readonly SendOutcome[]> {
    if (records === 1) return this.#settled
    return this.#settled.then(([outcome]) =>
      outcome === undefined ? [] : new Array<SendOutcome>(records).fill(outcome),
    )
  }

  /** Answers the callers. */
  settle(outcome: SendOutcome): void {
    this.#settle(outcome.durable === 'yes' ? durable : Object.freeze([Object.freeze(outcome)]))
  }

  get #salt(): number {
    return segmentSalt({ salt: this.#format.salt, number: this.#place.segment })
  }

  #makeRoom(at: number, bytes: number): void {
    const needed = at + bytes
    if (needed <= this.#buffer.length) return
    if (needed > largestGroupBytes) {
      throw new WalError(
        'ERR_PAYLOAD_TOO_LARGE',
        `Records of ${needed} bytes in one call are more than the file log can write at once ` +
          `(${largestGroupBytes} bytes). Write fewer or smaller ones at a time.`,
      )
    }
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(larger, 0, 0, at)
    this.#buffer = larger
  }

  /** Zeros up to where the next frame begins, which it answers. */
  #pad(end: number): number {
    const next = alignFrame(end)
    for (let at = end; at < next; at++) this.#buffer[at] = 0
    return next
  }
}

function isSamePlace(a: GroupPlace, b: GroupPlace): boolean {
  return a.segment === b.segment && a.sequence === b.sequence && a.offset === b.offset
}

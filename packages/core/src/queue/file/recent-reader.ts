import { bodyBytesOf, frameBytes, frameHeaderBytes } from './frame.ts'
import type { LogEntry, ReadLimits } from './log-entry.ts'
import { addressOf } from './log-segments.ts'
import { PayloadCopies } from './payload-copies.ts'
import type { RecentGroup, RecentGroups } from './recent-groups.ts'
import { decodeRecord } from './record-format.ts'

/** Reads records from groups that are in memory. */
export class RecentReader {
  readonly #recent: RecentGroups
  /** The group that is being read, and where in it the next record is. */
  #group: RecentGroup | undefined
  #at = 0
  #sequence = 0
  readonly #copies = new PayloadCopies()

  constructor(recent: RecentGroups) {
    this.#recent = recent
  }

  /** Adds entries from the sequence on, of one group, until they reach the limits; none if no group has it. */
  readInto(entries: LogEntry[], from: number, limits: ReadLimits): void {
    const group = this.#recent.holding(from)
    if (group === undefined) return
    if (group !== this.#group) this.#begin(group)
    let bytes = 0
    while (
      this.#at < group.bytes &&
      entries.length < limits.maxRecords &&
      bytes < limits.maxBytes
    ) {
      const bodyBytes = bodyBytesOf(group.buffer, this.#at)
      if (this.#sequence >= from) {
        entries.push(this.#entry(group, bodyBytes))
        bytes += frameBytes(bodyBytes)
      }
      this.#at += frameBytes(bodyBytes)
      this.#sequence += 1
    }
    if (this.#at === group.bytes) this.#leave()
  }

  #begin(group: RecentGroup): void {
    this.#group = group
    this.#at = 0
    this.#sequence = group.sequence
    this.#copies.begin(group.bytes)
  }

  /** Holds on to nothing: it may be long until the next group. */
  #leave(): void {
    this.#group = undefined
    this.#copies.begin(0)
  }

  /** No CRC is looked at: since the frames were encoded nobody but this process has had them. */
  #entry({ segment, offset, buffer }: RecentGroup, bodyBytes: number): LogEntry {
    const start = this.#at + frameHeaderBytes
    const { namespace } = segment.header
    return {
      sequence: this.#sequence,
      address: addressOf(segment, offset + this.#at),
      bytes: frameBytes(bodyBytes),
      record: decodeRecord(buffer, start, start + bodyBytes, namespace, this.#copies.take),
    }
  }
}

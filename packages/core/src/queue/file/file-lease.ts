import type { Delivery } from '../../consumer/consumer.ts'
import type { LogEntry } from './log.ts'
import { hashOfId } from './schedule/id-hash.ts'

/**
 * A record in somebody's hands: the `handle` of its delivery. Small, for there may be many.
 *
 *   held ──ack──▶ done
 *   held ──release──▶ returned ──handed out again──▶ held
 */
export class FileLease {
  readonly sequence: number
  /** Where to read the record again. */
  readonly address: number
  /** Its place in the order in which records were handed out for the first time. */
  readonly position: number
  readonly writtenAt: number
  /** When its delay ended, in ms since the Unix epoch; 0 if it had none. */
  readonly dueAt: number
  /** The hash of its id, if it had a delay; else 0. */
  readonly idHash: number
  state: 'held' | 'returned' | 'done' = 'held'
  /** Its neighbours among those that are not done with. */
  older: FileLease | undefined
  newer: FileLease | undefined

  constructor({ sequence, address, record }: LogEntry, position: number) {
    this.sequence = sequence
    this.address = address
    this.position = position
    this.writtenAt = record.writtenAt
    this.dueAt = record.dueAt ?? 0
    this.idHash = record.dueAt === undefined ? 0 : hashOfId(record.id)
  }
}

/** The lease of a delivery, or of a copy of it. Throws for one that no file consumer made. */
export function leaseOf({ handle }: Delivery): FileLease {
  if (handle instanceof FileLease) return handle
  throw new TypeError('This delivery does not come from a file queue: its handle is missing.')
}

import type { Slot } from '../consumer/partition.ts'
import type { KafkaEntry } from '../kafka-client.ts'
import { bytesOf, messageOf } from '../kafka-message.ts'

/** Each of about so many bytes at most, so that it is stored as a whole or not at all where that can be. */
export function* lotsOf(slots: readonly Slot[], mostBytes: number): Iterable<readonly Slot[]> {
  let lot: Slot[] = []
  let bytes = 0
  for (const slot of slots) {
    const size = bytesOf(messageOf(slot.read.record)) + 300
    if (lot.length > 0 && bytes + size > mostBytes) {
      yield lot
      lot = []
      bytes = 0
    }
    lot.push(slot)
    bytes += size
  }
  if (lot.length > 0) yield lot
}

/** As it was in its topic. */
export function entryOf({ read, storedAt, offset }: Slot): KafkaEntry {
  return read.entry ?? { ...messageOf(read.record), timestamp: storedAt, offset }
}

import type { StoredDeadLetter } from '@daybook/core'
import type { KafkaEntry } from '../kafka-client.ts'
import { bytesOf } from '../kafka-message.ts'

interface Kept {
  readonly letter: StoredDeadLetter
  readonly bytes: number
}

/**
 * Letters that were read last, by offset, so that one which was listed or has just been put is not asked
 * of the broker again. What lies at an offset never changes. The oldest go once there are too many bytes.
 */
export class RecentLetters {
  readonly #maxBytes: number
  readonly #kept = new Map<number, Kept>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get(offset: number): StoredDeadLetter | undefined {
    const letter = this.#kept.get(offset)?.letter
    // Bytes of its own for whoever asks, who may write into them.
    return letter && copyOf(letter)
  }

  add(entry: KafkaEntry, letter: StoredDeadLetter): void {
    if (this.#kept.has(entry.offset)) return
    const bytes = bytesOf(entry)
    // A copy, too, because the client's bytes are a part of all that came with them.
    this.#kept.set(entry.offset, { letter: copyOf(letter), bytes })
    this.#bytes += bytes
    for (const [offset, oldest] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) break
      this.#kept.delete(offset)
      this.#bytes -= oldest.bytes
    }
  }
}

function copyOf(letter: StoredDeadLetter): StoredDeadLetter {
  const { record } = letter
  return {
    ...letter,
    record: { ...record, payload: record.payload && Uint8Array.from(record.payload) },
  }
}

import { randomUUID } from 'node:crypto'
import type { KafkaEntry, KafkaReader } from '../kafka-client.ts'
import { isDenied } from '../kafka-errors.ts'
import { joinGroup } from './kafkajs-group.ts'
import type { KafkaJs } from './kafkajs-types.ts'

/** While it has nothing to read the client looks so often whether it has, in ms. */
const fetchWaitMs = 50

/**
 * Reads a topic from wherever it is asked to. kafkajs fetches for members of a group alone, so the
 * reader is the only member of a group of its own. It commits nothing, so the broker forgets the group once
 * it is empty.
 */
export async function openReader(kafka: KafkaJs, topic: string): Promise<KafkaReader> {
  const group = `daybook.reader.${randomUUID()}`
  const { promise: assigned, resolve: isAssigned, reject: isRefused } = settable()
  // Whoever waits for it is told; it may come before anybody does.
  assigned.catch(() => {})
  let wanted: Wanted | undefined
  /** Since nothing came any more. The client tries again for ever, but rights seldom come back. */
  let denial: unknown
  let failure: unknown
  const joined = await joinGroup(
    kafka,
    { group, topics: [topic], sessionTimeoutMs: 10_000 },
    {
      assigned: (places) => {
        if (places.length === 0) return
        isAssigned()
        const current = wanted
        if (current) joined.read({ topic, partition: current.partition }, current.next)
      },
      rebalancing: () => {},
      entries: (place, entries, next) => {
        denial = undefined
        failure = undefined
        if (place.partition === wanted?.partition) wanted.take(entries, next)
      },
      failed: (error) => {
        failure = error
        if (!isDenied(error)) return
        denial = error
        isRefused(error)
        wanted?.fail(error)
      },
    },
    fetchWaitMs,
  )
  try {
    await assigned
  } catch (error) {
    void joined.close().catch(() => {})
    throw error
  }
  return {
    get failure() {
      return failure
    },
    async *read(partition, from, to, signal) {
      if (denial !== undefined) throw denial
      const reading = new Wanted(partition, from)
      wanted = reading
      const wake = (): void => reading.wake()
      signal?.addEventListener('abort', wake, { once: true })
      try {
        if (from < to) joined.read({ topic, partition }, from)
        for (let next = from; next < to && !signal?.aborted; ) {
          const lot = await reading.lot()
          // Woken by the signal, or by what it has had before.
          if (lot.next <= next) continue
          next = lot.next
          yield lot.entries.filter(({ offset }) => offset < to)
        }
      } finally {
        signal?.removeEventListener('abort', wake)
        wanted = undefined
        // A client that was refused has left the group, and has nothing to pause.
        if (denial === undefined) joined.pause({ topic, partition })
      }
    },
    close: () => joined.close(),
  }
}

function settable() {
  let resolve = (): void => {}
  let reject = (_: unknown): void => {}
  const promise = new Promise<void>((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

/** What one reading waits for. */
class Wanted {
  readonly partition: number
  next: number
  #entries: KafkaEntry[] = []
  #wake: (() => void) | undefined
  #failure: unknown

  constructor(partition: number, next: number) {
    this.partition = partition
    this.next = next
  }

  take(entries: readonly KafkaEntry[], next: number): void {
    for (const entry of entries) {
      if (entry.offset < this.next) continue
      this.#entries.push(entry)
      this.next = entry.offset + 1
    }
    this.next = Math.max(this.next, next)
    this.wake()
  }

  fail(error: unknown): void {
    this.#failure = error
    this.wake()
  }

  wake(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  /** What has come; waits for it if need be. */
  async lot(): Promise<{ readonly entries: readonly KafkaEntry[]; readonly next: number }> {
    const isThere = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    if (this.#entries.length === 0 && this.#failure === undefined) await isThere
    if (this.#failure !== undefined) throw this.#failure
    const entries = this.#entries
    this.#entries = []
    return { entries, next: this.next }
  }
}

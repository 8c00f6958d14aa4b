import type { KafkaMessage } from '../kafka-client.ts'

/** The header that says when a message goes on from its tier, in ms since the Unix epoch. */
const hopHeader = 'daybook-hop-at'

/**
 * The delays topic has a partition for each tier. All messages of a tier wait equally long, so that
 * only its first one has to be watched; a longer delay is made up of hops down the tiers. What is
 * due within the shortest span goes into the last partition, and is held in memory there, sorted.
 */
export class Tiers {
  readonly #tiersMs: readonly number[]

  /** In ms, descending. */
  constructor(tiersMs: readonly number[]) {
    this.#tiersMs = tiersMs
  }

  /** Partitions that the delays topic needs: one per tier, and one for the end of each delay. */
  get partitions(): number {
    return this.#tiersMs.length + 1
  }

  /** The partition whose messages are sorted by when they are due. */
  get last(): number {
    return this.#tiersMs.length
  }

  /** Where a message goes that is due then, and with what note of when it goes on. */
  place(
    message: KafkaMessage,
    dueAt: number,
    now: number,
  ): { readonly partition: number; readonly message: KafkaMessage } {
    const tier = this.#tiersMs.findIndex((tierMs) => tierMs <= dueAt - now)
    const partition = tier < 0 ? this.last : tier
    const hopAt = tier < 0 ? dueAt : now + (this.#tiersMs[tier] ?? 0)
    const headers = new Map(message.headers)
    headers.set(hopHeader, Buffer.from(String(Math.ceil(hopAt))))
    return { partition, message: { ...message, headers } }
  }
}

/** When a message in the delays topic goes on; at once for one that does not say. */
export function hopAtOf({ headers }: KafkaMessage): number {
  const hopAt = Number(headers.get(hopHeader)?.toString())
  return Number.isNaN(hopAt) ? 0 : hopAt
}

/** The message as it was before it was delayed. */
export function withoutHop(message: KafkaMessage): KafkaMessage {
  const headers = new Map(message.headers)
  headers.delete(hopHeader)
  return { key: message.key, value: message.value, headers }
}

/** What decides where a message goes that is due. */
export function keyFor({ key, headers }: KafkaMessage): Buffer {
  return key ?? headers.get('daybook-id') ?? Buffer.alloc(0)
}

import type { KafkaEntry, KafkaMessage } from '../kafka-client.ts'

/** Holds what a parked record has beside its own fields, as JSON. */
const parkedHeader = 'daybook-parked'

/** What names a copy in the parked topic. */
export interface CopyName {
  /** Of the record, in its own topic. */
  readonly offset: number
  /** Of whoever had the partition when it was parked. */
  readonly claim: string
  readonly target: string
}

interface Envelope {
  readonly topic: string
  readonly partition: number
  /** The record's key, in base64; the message's key is the copy's name, by which the topic is compacted. */
  readonly key: string | null
  readonly hasPayload: boolean
  /** When its own topic was given it, in ms since the Unix epoch. */
  readonly storedAt: number
}

/** The key of a copy. */
export function copyKeyOf({ offset, claim, target }: CopyName): string {
  return `${offset}.${claim}.${target}`
}

/** What the key of a copy names; undefined for a key that is none. */
export function copyNameOf(key: string): CopyName | undefined {
  const parts = /^(\d{1,16})\.([0-9a-z]+)\.(.+)$/s.exec(key)
  if (parts === null) return undefined
  const [, offset, claim = '', target = ''] = parts
  return { offset: Number(offset), claim, target }
}

/** An entry of a topic as a message in the parked one: its value and headers, under the copy's name. */
export function parkedMessage(
  copyKey: string,
  place: { readonly topic: string; readonly partition: number },
  { key, value, headers, timestamp: storedAt }: Omit<KafkaEntry, 'offset'>,
): KafkaMessage {
  const { topic, partition } = place
  const base64 = key === null ? null : key.toString('base64')
  const envelope: Envelope = { topic, partition, key: base64, hasPayload: value !== null, storedAt }
  const all = new Map(headers)
  all.set(parkedHeader, Buffer.from(JSON.stringify(envelope)))
  // Without a value it would be the copy's removal.
  return { key: Buffer.from(copyKey), value: value ?? Buffer.alloc(0), headers: all }
}

/** Takes a copy away. */
export function unparkedMessage(copyKey: string): KafkaMessage {
  return { key: Buffer.from(copyKey), value: null, headers: new Map() }
}

/** The entry as it was in its own topic; undefined for what nobody here has parked. */
export function parkedEntryOf(
  { value, headers }: KafkaMessage,
  { offset }: CopyName,
): KafkaEntry | undefined {
  const json = headers.get(parkedHeader)
  if (json === undefined || value === null) return undefined
  const { key, hasPayload, storedAt } = JSON.parse(json.toString()) as Envelope
  const own = new Map(headers)
  own.delete(parkedHeader)
  return {
    offset,
    timestamp: storedAt,
    key: key === null ? null : Buffer.from(key, 'base64'),
    value: hasPayload ? value : null,
    headers: own,
  }
}

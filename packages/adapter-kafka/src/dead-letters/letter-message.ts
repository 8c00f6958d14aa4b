import type { StoredDeadLetter } from '@daybook/core'
import type { KafkaMessage } from '../kafka-client.ts'
import { messageOf } from '../kafka-message.ts'
import { recordOf } from '../kafka-record.ts'

/** Holds what a letter has beside its record, as JSON. */
const letterHeader = 'daybook-letter'

interface Envelope extends Omit<StoredDeadLetter, 'id' | 'record'> {
  /** The record's key; the message's key is the letter's id, by which the topic is compacted. */
  readonly key: string | null
  readonly hasPayload: boolean
}

/** A letter as a message: its record as in the topic, but under the letter's id. */
export function letterMessage(letter: StoredDeadLetter): KafkaMessage {
  const { id, record, ...rest } = letter
  const { value, headers } = messageOf(record)
  const envelope: Envelope = { ...rest, key: record.key ?? null, hasPayload: value !== null }
  const all = new Map(headers)
  all.set(letterHeader, Buffer.from(JSON.stringify(envelope)))
  // Without a value it would be the letter's removal.
  return { key: Buffer.from(id), value: value ?? Buffer.alloc(0), headers: all }
}

/** Takes away what was put under this id. */
export function removalMessage(id: string): KafkaMessage {
  return { key: Buffer.from(id), value: null, headers: new Map() }
}

/** The letter in a message; undefined where there is none. */
export function letterOf({ key, value, headers }: KafkaMessage): StoredDeadLetter | undefined {
  const json = headers.get(letterHeader)
  if (json === undefined || key === null || value === null) return undefined
  try {
    const { key: recordKey, hasPayload, ...rest } = JSON.parse(json.toString()) as Envelope
    const record = recordOf({ key: null, value: hasPayload ? value : null, headers })
    return { id: key.toString(), record: { ...record, key: recordKey ?? undefined }, ...rest }
  } catch {
    return undefined
  }
}

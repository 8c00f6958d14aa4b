import type { QueueContext } from '@daybook/core'
import type { Lag } from './consumer/lag.ts'
import type { KafkaAdmin, KafkaClient } from './kafka-client.ts'
import type { KafkaSettings } from './kafka-options.ts'
import type { Places } from './places.ts'

/** What the parts of one open queue share. */
export interface QueueParts {
  readonly client: KafkaClient
  readonly options: KafkaSettings
  readonly context: QueueContext
  readonly admin: KafkaAdmin
  readonly lag: Lag
  /** Where records go that are due. */
  readonly places: Places
  /** The topics of parked records that are there. */
  readonly parking: ReadonlySet<string>
  /** How long each topic at least keeps what it is given, in ms; Infinity for ever. */
  readonly retentionMs: number
  /** Lets so many ms go by. */
  pause(ms: number): Promise<void>
}

/** The topic in which delayed records wait. */
export function delaysTopicOf(topic: string): string {
  return `${topic}.delays`
}

/** The topic in which dead letters wait. */
export function deadLettersTopicOf(topic: string): string {
  return `${topic}.dead-letters`
}

/**
 * The topic in which the records of a topic are parked that wait for a target behind a dead letter. Another group
 * than the one that is named after the first topic has one of its own: each knows only what it has parked itself.
 */
export function parkedTopicOf(
  topic: string,
  target: string,
  { topic: first, group }: Pick<KafkaSettings, 'topic' | 'group'>,
): string {
  const isUsual = group === usualGroupOf(first)
  return isUsual ? `${topic}.parked.${target}` : `${topic}.parked-by.${group}.${target}`
}

/** What the names of a queue's groups begin with, unless it is told. */
export function usualGroupOf(topic: string): string {
  return `daybook.${topic}`
}

/** The group that sends delayed records on. */
export function delaysGroupOf(group: string): string {
  return `${group}.delays`
}

import type { KafkaEntry, KafkaMessage, KafkaPlace } from '../kafka-client.ts'

/** What a message of a parked topic has beside its record, as JSON. */
const parkedHeader = 'daybook-parked'

/** Says that whoever makes this claim has the partition: what lower claims put behind it counts for nothing. */
export interface ClaimFact {
  readonly kind: 'claim'
  readonly claim: number
}

/** A record of the partition's topic waits here. */
export interface CopyFact {
  readonly kind: 'copy'
  readonly claim: number
  /** As it was in its own topic. */
  readonly entry: KafkaEntry
}

/** The copies of these offsets count for nothing any more. */
export interface DoneFact {
  readonly kind: 'done'
  readonly claim: number
  readonly offsets: readonly number[]
}

export type ParkedFact = ClaimFact | CopyFact | DoneFact

/** The same as JSON. */
interface Envelope {
  readonly kind: ParkedFact['kind']
  readonly claim: number
  readonly offsets?: readonly number[]
  readonly topic?: string
  readonly partition?: number
  readonly offset?: number
  readonly storedAt?: number
  readonly hasPayload?: boolean
}

/** Claims of one instant: that many ms since the Unix epoch have room in an integer. */
const claimsPerTick = 2_048

/** By the clock, for a group whose commits the cluster has forgotten; and by chance, so that no two are the same. */
export function higherClaim(
  claim: number,
  { now, random }: { now(): number; random(): number },
): number {
  const tick = Math.max(Math.floor(claim / claimsPerTick) + 1, now())
  return tick * claimsPerTick + Math.floor(random() * claimsPerTick)
}

export function claimMessage(claim: number): KafkaMessage {
  return { key: null, value: null, headers: headersOf({ kind: 'claim', claim }) }
}

export function doneMessage(claim: number, offsets: readonly number[]): KafkaMessage {
  return { key: null, value: null, headers: headersOf({ kind: 'done', claim, offsets }) }
}

/** An entry of a topic as a message in the parked one: its key, value and headers, and where it was. */
export function copyMessage(
  claim: number,
  { topic, partition }: KafkaPlace,
  { offset, timestamp: storedAt, key, value, headers }: KafkaEntry,
): KafkaMessage {
  const hasPayload = value !== null
  const where = { topic, partition, offset, storedAt, hasPayload }
  const own = headersOf({ kind: 'copy', claim, ...where })
  // A null value is kept as an empty one, for whoever compacts the topic by mistake.
  return { key, value: value ?? Buffer.alloc(0), headers: new Map([...headers, ...own]) }
}

/** What a message says; undefined for one that nobody here has put there, or that is damaged. */
export function parkedFactOf({ key, value, headers }: KafkaMessage): ParkedFact | undefined {
  const envelope = envelopeOf(headers.get(parkedHeader)?.toString())
  if (envelope === undefined) return undefined
  const { kind, claim, offsets = [], ...where } = envelope
  if (kind === 'claim') return { kind, claim }
  if (kind === 'done') return { kind, claim, offsets }
  const own = new Map(headers)
  own.delete(parkedHeader)
  const { offset = 0, storedAt: timestamp = 0, hasPayload } = where
  const entry = { offset, timestamp, key, value: hasPayload ? value : null, headers: own }
  return { kind, claim, entry }
}

function envelopeOf(json: string | undefined): Envelope | undefined {
  try {
    return json === undefined ? undefined : (JSON.parse(json) as Envelope)
  } catch {
    return undefined
  }
}

function headersOf(envelope: Envelope): ReadonlyMap<string, Buffer> {
  return new Map([[parkedHeader, Buffer.from(JSON.stringify(envelope))]])
}

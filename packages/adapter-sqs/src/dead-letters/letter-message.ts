import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { deadLetterId, type StoredDeadLetter, WalError } from '@daybook/core'
import type { PayloadStore } from '../payload-store.ts'
import type { ReceivedMessage } from '../sqs-client.ts'
import {
  claimOf,
  decodeEnvelope,
  encodeEnvelope,
  sendable,
  strangeRecord,
} from '../sqs-envelope.ts'
import { readMessage } from '../sqs-read-message.ts'

// The body of a letter's message is JSON, in one of three forms:
//
//   v 1 · letter: its stamp · of · all fields of the letter, `record` being the body of the record's own message
//   v 1 · letter · of · gzip: the same, compressed, in base64, where it would not fit otherwise
//   v 1 · claim: its name in the store · letter · of, where it does not fit that way either
//
// `of` is the namespace whose letter it is, left out where that is not known. It stands in this place, so that it is
// found without reading the rest. A record may have another one: a queue target may leave it as it was.
//
// Anything else is a message that is no letter: a record that SQS itself moved here, or what somebody sent.

const version = 1
const pack = promisify(gzip)
const unpack = promisify(gunzip)

/** Most that a letter unpacks to: what a message can hold, however well it was compressed. */
const maxOutputLength = 256 * 2 ** 20

/** Longest message of an attempt that is kept where a letter would not fit with more of them, in characters. */
const shortMessage = 500

/** A letter and when it was put: letters are listed by their stamps, and of two with one id the later counts. */
export interface StampedLetter {
  readonly stamp: string
  readonly letter: StoredDeadLetter
}

/** What lies in the queue for another namespace. */
export interface LetterElsewhere {
  /** The name of that. */
  readonly elsewhere: string
}

/** Where letters are read. */
export interface LetterPlace {
  readonly store: PayloadStore | undefined
  /** The targets of the namespace, where they are known. */
  readonly targets: readonly string[]
  /** Whose letters these are; undefined where that is not known. */
  readonly namespace: string | undefined
}

/** A letter as it goes out. */
export interface LetterBody {
  readonly body: string
  /** What has to be in the store before it is sent. */
  readonly stored: { readonly name: string; readonly bytes: Uint8Array } | undefined
}

/** How a letter may go out. */
export interface LetterLimits {
  readonly maxBytes: number
  /** Whose letters these are; undefined where that is not known. */
  readonly namespace: string | undefined
  /** The name of a body in the store; undefined where there is none. */
  readonly claimName: ((stamp: string) => string) | undefined
}

/**
 * The message of a letter. One that does not fit is compressed, then put into the store; without one its history is
 * shortened. Rejects with `ERR_PAYLOAD_TOO_LARGE` if it does not fit even then.
 */
export async function letterBody(
  { stamp, letter }: StampedLetter,
  { maxBytes, claimName, namespace: of }: LetterLimits,
): Promise<LetterBody> {
  const head: LetterHead = { letter: stamp, of }
  const whole = textOf(head, letter)
  const fitting = await fittingBody(head, whole, maxBytes)
  if (fitting !== undefined) return { body: fitting, stored: undefined }
  if (claimName !== undefined) {
    const name = claimName(stamp)
    const body = JSON.stringify({ v: version, claim: name, ...head })
    return { body, stored: { name, bytes: Buffer.from(whole) } }
  }
  const shortened = await fittingBody(head, textOf(head, shortLetter(letter)), maxBytes)
  if (shortened !== undefined) return { body: shortened, stored: undefined }
  throw new WalError(
    'ERR_PAYLOAD_TOO_LARGE',
    `The dead letter ${letter.id} does not fit into a message of ${maxBytes} bytes, compressed and without its history. Its record stays in its queue. Give the dead letters a \`store\`, or raise the MaximumMessageSize of their queue.`,
  )
}

/**
 * What tells one put from all others, whichever message brings it: a letter that is sent anew keeps its body, and no two
 * puts have one stamp. What is no letter may lie there twice, and each counts.
 */
export function putOf({ Body: body = '', MessageId: id = '' }: ReceivedMessage): string {
  return isLetter(body) ? createHash('sha256').update(body).digest('base64url') : `message:${id}`
}

/** What one of the messages says, unless it is for another namespace. Rejects where the store fails. */
export async function readLetter(
  message: ReceivedMessage,
  place: LetterPlace,
): Promise<StampedLetter | LetterElsewhere> {
  const { store } = place
  const body = message.Body ?? ''
  if (!isLetter(body)) return strayLetter(message, place)
  const of = namespaceOf(body)
  if (of !== undefined && isElsewhere(of, place)) return { elsewhere: of }
  const claim = claimOf(body)
  const found = claim === undefined ? body : await claimedText(claim, store)
  if (found === undefined) return unreadableLetter(message, 'The store does not have its body.')
  try {
    const { gzip: packed, ...whole } = JSON.parse(found)
    const text =
      packed && (await unpack(Buffer.from(packed, 'base64'), { maxOutputLength })).toString()
    const { v, letter: stamp, of: _, record, ...fields } = text ? JSON.parse(text) : whole
    if (v !== version) throw new Error(`It has format ${v}.`)
    return { stamp, letter: { ...fields, record: decodeEnvelope(record).record } }
  } catch (error) {
    return unreadableLetter(message, String(error))
  }
}

async function claimedText(
  claim: string,
  store: PayloadStore | undefined,
): Promise<string | undefined> {
  if (store === undefined) {
    const text = `A dead letter lies in a store as '${claim}', and these dead letters have none.`
    throw new WalError('ERR_CONFIG', text)
  }
  const bytes = await store.get(claim)
  return bytes && Buffer.from(bytes).toString()
}

function isLetter(body: string): boolean {
  if (body.startsWith(`{"v":${version},"letter":`)) return true
  return claimOf(body) !== undefined && body.includes('"letter":')
}

/** What stands before all else of a letter. */
interface LetterHead {
  readonly letter: string
  readonly of: string | undefined
}

const beforeNamespace =
  /^\{"v":1,(?:"claim":"(?:[^"\\]|\\.)*",)?"letter":"[\w-]*","of":("(?:[^"\\]|\\.)*")/

/** The namespace whose letter it is, where its message says so. */
function namespaceOf(body: string): string | undefined {
  const [, name] = beforeNamespace.exec(body) ?? []
  return name && JSON.parse(name)
}

function isElsewhere(of: string, { namespace }: LetterPlace): boolean {
  return namespace !== undefined && of !== namespace
}

function textOf(head: LetterHead, { record, ...fields }: StoredDeadLetter): string {
  const parts = { v: version, ...head, ...fields }
  return sendable(JSON.stringify({ ...parts, record: encodeEnvelope(record, undefined) }))
}

async function fittingBody(
  head: LetterHead,
  text: string,
  maxBytes: number,
): Promise<string | undefined> {
  if (Buffer.byteLength(text) <= maxBytes) return text
  const packed = (await pack(text)).toString('base64')
  const body = JSON.stringify({ v: version, ...head, gzip: packed })
  return Buffer.byteLength(body) <= maxBytes ? body : undefined
}

/** Only why it is here. */
function shortLetter(letter: StoredDeadLetter): StoredDeadLetter {
  const message = letter.message.slice(0, shortMessage)
  const attempts = letter.attempts
    .slice(-1)
    .map((last) => ({ ...last, message: last.message.slice(0, shortMessage) }))
  return { ...letter, message, attempts }
}

/**
 * A message that no `put` sent. A record is one that SQS moved here by its own redrive policy: it becomes a letter,
 * so that it can be redriven, where it is known which target it is of. If it is not, each message is a letter of its
 * own, since one record may have been moved from the queues of several targets. Anything else can be looked at and discarded.
 */
async function strayLetter(
  message: ReceivedMessage,
  place: LetterPlace,
): Promise<StampedLetter | LetterElsewhere> {
  const { store, targets } = place
  const { record, sentAt, handOuts, unreadable } = await readMessage(message, store)
  if (unreadable !== undefined) return unreadableLetter(message, unreadable.message)
  if (isElsewhere(record.namespace, place)) return { elsewhere: record.namespace }
  const [only] = targets
  const target = record.target ?? (targets.length === 1 ? (only ?? '') : '')
  const id = target === '' ? `message:${message.MessageId}` : deadLetterId(record, target)
  const code = 'ERR_INTERRUPTED'
  const text = `SQS moved the record here by its own redrive policy, after it was handed out ${handOuts} times.`
  const attempt = { at: sentAt, durationMs: 0, target, class: 'interrupted', code, message: text }
  return {
    stamp: stampOf(sentAt * 1_000, message.MessageId ?? ''),
    letter: {
      ...{ id, record, target, at: sentAt, code, message: text },
      ...{ attemptsSpent: 0, attempts: [attempt as StoredDeadLetter['attempts'][number]] },
    },
  }
}

function unreadableLetter(message: ReceivedMessage, why: string): StampedLetter {
  const { MessageId: id = '', Body = '', Attributes = {} } = message
  const at = Number(Attributes['SentTimestamp'] ?? 0)
  const code = 'ERR_UNDECODABLE'
  const text = `A message of the dead-letter queue is no letter: ${why}`
  const attempt = {
    at,
    durationMs: 0,
    target: '',
    class: 'permanent',
    code,
    message: text,
  } as const
  return {
    stamp: stampOf(at * 1_000, id),
    letter: {
      ...{ id: `message:${id}`, record: strangeRecord(Body, id, at), target: '', at, code },
      ...{ message: text, attemptsSpent: 0, attempts: [attempt], damaged: true },
    },
  }
}

/** Sorts by the time in microseconds. */
export function stampOf(micros: number, tail: string): string {
  return `${String(micros).padStart(17, '0')}-${tail.replace(/[^\w]/g, '').slice(0, 12)}`
}

/** When it was put, in microseconds since the Unix epoch. */
export function microsOf(stamp: string): number {
  return Number(stamp.slice(0, 17))
}

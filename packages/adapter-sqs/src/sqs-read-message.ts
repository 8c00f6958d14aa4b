import { type AttemptState, noAttempts, type StoredRecord, WalError } from '@daybook/core'
import type { RememberingStore } from './remembering-store.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import {
  claimOf,
  decodeEnvelope,
  type SentPlace,
  strangeRecord,
  triedOfClaim,
  unreadable,
} from './sqs-envelope.ts'

/** What a message says, and how it was received. */
export interface ReadMessage {
  readonly receipt: string
  readonly messageId: string
  readonly group: string | undefined
  readonly handOuts: number
  /** When the message was sent, in ms since the Unix epoch: its retention counts from then. */
  readonly sentAt: number
  /** As they came with the message. */
  readonly attempts: AttemptState
  /** Not handed out before, in ms since the Unix epoch. */
  readonly heldUntil: number
  readonly body: string
  readonly claim: string | undefined
  readonly record: StoredRecord
  readonly sent: SentPlace | undefined
  readonly unreadable: WalError | undefined
  /** This process has brought its record to its end, here, and its body is gone: SQS gives the message once more. */
  readonly isRepeat: boolean
  readonly bytes: number
}

/** Of the store, what reading needs. */
export type StoredBodies = Pick<RememberingStore, 'get' | 'wasDeleted'>

/**
 * Reads a message. One that is no record is read all the same, as unreadable. Rejects only where the
 * store could not be asked for what a claim names.
 */
export async function readMessage(
  message: ReceivedMessage,
  store: StoredBodies | undefined,
): Promise<ReadMessage> {
  const claim = claimIn(message)
  if (claim === undefined) return readAs(message, message.Body)
  const read = readAs(message, await claimed(claim, store), claim)
  const isRepeat = read.unreadable !== undefined && store?.wasDeleted?.(claim) === true
  return { ...read, isRepeat }
}

/** What could be read of a receive, in its order. */
export interface ReadMessages {
  readonly read: readonly ReadMessage[]
  /** Why the store could not be asked for others. */
  readonly failure: Error | undefined
}

/**
 * Reads what one receive brought. One whose body the store does not give is left out, with what is
 * behind it in its group: they come again when their visibility is over.
 */
export async function readMessages(
  messages: readonly ReceivedMessage[],
  store: StoredBodies | undefined,
): Promise<ReadMessages> {
  // Most often there is nothing to wait for.
  if (!messages.some(hasClaim)) {
    return { read: messages.map((message) => readAs(message, message.Body)), failure: undefined }
  }
  const results = await Promise.allSettled(messages.map((message) => readMessage(message, store)))
  const read: ReadMessage[] = []
  const failedGroups = new Set<string>()
  let failure: Error | undefined
  for (const [at, result] of results.entries()) {
    const group = messages[at]?.Attributes?.['MessageGroupId']
    if (result.status === 'rejected') {
      failure ??= result.reason as Error
      if (group !== undefined) failedGroups.add(group)
    } else if (group === undefined || !failedGroups.has(group)) read.push(result.value)
  }
  return { read, failure }
}

/** True if its record lies in the store. */
export function hasClaim(message: ReceivedMessage): boolean {
  return claimIn(message) !== undefined
}

function claimIn({ Body = '' }: ReceivedMessage): string | undefined {
  try {
    return claimOf(Body)
  } catch {
    return undefined
  }
}

/** `stored`: the body of the record, or why there is none. */
function readAs(
  message: ReceivedMessage,
  stored: string | WalError = '',
  claim?: string,
): ReadMessage {
  const { MessageId: messageId = '', ReceiptHandle: receipt = '', Body: body = '' } = message
  const { Attributes = {} } = message
  const group = Attributes['MessageGroupId']
  const handOuts = Number(Attributes['ApproximateReceiveCount'] ?? 1)
  const sentAt = Number(Attributes['SentTimestamp'] ?? 0)
  const common = { receipt, messageId, group, handOuts, sentAt, body, claim, isRepeat: false }
  try {
    if (typeof stored !== 'string') throw stored
    const { record, sent, tried: ownTried } = decodeEnvelope(stored)
    const tried = claim === undefined ? ownTried : triedOfClaim(body)
    return {
      ...common,
      attempts: tried?.attempts ?? noAttempts,
      heldUntil: Math.max(tried?.until ?? 0, record.dueAt ?? 0),
      record,
      sent,
      bytes: Math.max(Buffer.byteLength(stored), record.payload?.byteLength ?? 0),
      unreadable: undefined,
    }
  } catch (error) {
    const text = typeof stored === 'string' ? stored : body
    return {
      ...common,
      attempts: noAttempts,
      heldUntil: 0,
      record: strangeRecord(text, messageId, sentAt),
      sent: undefined,
      bytes: Buffer.byteLength(text),
      unreadable: unreadable(error),
    }
  }
}

/** What lies in the store, or why nothing can be read of it. Rejects where that could not be asked. */
async function claimed(claim: string, store: StoredBodies | undefined): Promise<string | WalError> {
  if (store === undefined) {
    const message = `The record lies in a store as '${claim}', and this queue has no \`store\`.`
    throw new WalError('ERR_CONFIG', message)
  }
  const bytes = await store.get(claim).catch((cause: unknown) => {
    const message = `The store did not answer for '${claim}'.`
    throw new WalError('ERR_IO', message, { retryable: true, cause })
  })
  if (bytes !== undefined) return Buffer.from(bytes).toString()
  return new WalError('ERR_UNDECODABLE', `The store has nothing under '${claim}'.`)
}

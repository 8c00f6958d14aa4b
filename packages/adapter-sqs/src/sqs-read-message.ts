import { type AttemptState, noAttempts, type StoredRecord, WalError } from '@daybook/core'
import type { PayloadStore } from './payload-store.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import {
  claimOf,
  decodeEnvelope,
  type SentPlace,
  strangeRecord,
  triedOf,
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
  readonly bytes: number
}

/**
 * Reads a message. One that is no record is read all the same, as unreadable. Rejects only where the
 * store could not be asked for what a claim names.
 */
export async function readMessage(
  message: ReceivedMessage,
  store: PayloadStore | undefined,
): Promise<ReadMessage> {
  const { MessageId: messageId = '', ReceiptHandle: receipt = '', Attributes = {} } = message
  const { Body: sentBody = '' } = message
  const sentAt = Number(Attributes['SentTimestamp'] ?? 0)
  const common = {
    ...{ receipt, messageId, group: Attributes['MessageGroupId'], sentAt },
    handOuts: Number(Attributes['ApproximateReceiveCount'] ?? 1),
    ...{ attempts: noAttempts, heldUntil: 0, claim: undefined as string | undefined },
  }
  let body = sentBody
  try {
    const claim = claimOf(sentBody)
    if (claim !== undefined) {
      common.claim = claim
      body = await claimed(claim, store)
    }
    const { record, sent } = decodeEnvelope(body)
    const { attempts = noAttempts, until = 0 } = triedOf(sentBody) ?? {}
    const bytes = Math.max(Buffer.byteLength(body), record.payload?.byteLength ?? 0)
    const own = { attempts, heldUntil: Math.max(until, record.dueAt ?? 0) }
    return { ...common, ...own, body: sentBody, record, sent, bytes, unreadable: undefined }
  } catch (error) {
    if (error instanceof StoreFailure) throw error.cause
    const record = strangeRecord(body, messageId, sentAt)
    const bytes = Buffer.byteLength(body)
    const own = { body: sentBody, record, sent: undefined, bytes }
    return { ...common, ...own, unreadable: unreadable(error) }
  }
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
  store: PayloadStore | undefined,
): Promise<ReadMessages> {
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

class StoreFailure extends Error {}

async function claimed(claim: string, store: PayloadStore | undefined): Promise<string> {
  if (store === undefined) {
    const message = `The record lies in a store as '${claim}', and this queue has no \`store\`.`
    throw new StoreFailure('', { cause: new WalError('ERR_CONFIG', message) })
  }
  const bytes = await store.get(claim).catch((cause: unknown) => {
    const message = `The store did not answer for '${claim}'.`
    throw new StoreFailure('', {
      cause: new WalError('ERR_IO', message, { retryable: true, cause }),
    })
  })
  if (bytes !== undefined) return Buffer.from(bytes).toString()
  throw new WalError('ERR_UNDECODABLE', `The store has nothing under '${claim}'.`)
}

import { WalError } from '@daybook/core'
import { placeOfQueue } from '../sqs-place.ts'

/** Longest that SQS keeps a message, in ms. Source: "message quotas" in its manual. */
const longestRetentionMs = 14 * 24 * 3_600_000

/** What opening learns of a queue of dead letters. */
export interface LetterQueueFacts {
  /** What it is told from others by. */
  readonly place: string
  readonly arn: string | undefined
  /** How long it keeps a message, in ms. */
  readonly retentionMs: number
  /** Largest message, in bytes. */
  readonly maxBytes: number
}

/** Reads a queue's attributes. Throws `ERR_CONFIG` for one that would lose letters. */
export function checkLetterQueue(
  { queueUrl }: { readonly queueUrl: string },
  attributes: Partial<Record<string, string>>,
): LetterQueueFacts {
  const { MessageRetentionPeriod: seconds, MaximumMessageSize: size } = attributes
  // An emulator that does not say so, and may remove nothing, is treated like the service.
  const retentionMs = seconds === undefined ? longestRetentionMs : Number(seconds) * 1_000
  if (retentionMs < longestRetentionMs) {
    throw wrong(
      queueUrl,
      `keeps messages for ${retentionMs / 1_000} s, and letters for no longer while no process is there to renew them: set its MessageRetentionPeriod to 1209600, which is 14 days`,
    )
  }
  if (attributes['RedrivePolicy']) {
    throw wrong(
      queueUrl,
      'has a redrive policy, and each look counts as a hand-out, so that SQS would move letters away: remove it',
    )
  }
  const maxBytes = Number(size ?? 262_144)
  const arn = attributes['QueueArn']
  return { place: placeOfQueue(queueUrl, arn), arn, retentionMs, maxBytes }
}

function wrong(queueUrl: string, what: string): WalError {
  return new WalError('ERR_CONFIG', `The dead-letter queue ${queueUrl} ${what}.`)
}

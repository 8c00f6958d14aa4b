import { type Clock, type SendOutcome, type Timer, WalError } from '@daybook/core'
import type { PayloadStore } from './payload-store.ts'
import { claimOf } from './sqs-envelope.ts'
import { sqsError } from './sqs-errors.ts'
import type { Outgoing, SqsSender } from './sqs-sender.ts'

const dayMs = 24 * 3_600_000
/** Longest that a queue keeps a message. Fixed by the service. Source: "message quotas" in its manual. */
const longestRetentionMs = 14 * dayMs

/** Where the bodies of a namespace lie that are too large for a message. */
export const claimsPrefix = (namespace: string): string => `payloads/${namespace}/`

/**
 * To be called before a message is sent anew: what it names in the store is as old as the message that
 * names it last, so that the two end together.
 */
async function touchClaim(store: PayloadStore | undefined, body: string): Promise<void> {
  const claim = store?.touch && claimOf(body)
  if (claim !== undefined) await store?.touch?.(claim)
}

/**
 * Sends a message anew, once what it names in the store is touched. Where the store does not do that, nothing is
 * sent: the body might go before its message does. Never rejects for that.
 */
export async function sendTouched(
  store: PayloadStore | undefined,
  sender: SqsSender,
  message: Outgoing,
): Promise<SendOutcome> {
  try {
    await touchClaim(store, message.body)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const text = `A message was not sent anew, for the store could not touch '${claimOf(message.body)}': ${reason}. It comes again.`
    return { durable: 'no', error: new WalError('ERR_IO', text, { retryable: true, cause }) }
  }
  return sender.send(message)
}

export interface ClaimSweeperOptions {
  readonly store: PayloadStore
  readonly namespace: string
  readonly clock: Clock
  report(error: WalError): void
}

/**
 * Removes bodies once a day that no message can name any more: after a crash between a record's end and that of
 * its body, after a message that SQS removed, or that was never stored. No message outlives 14 days, and a body
 * is touched whenever one that names it is sent; so one that is a day older than that is named by none. The
 * day is for clocks that differ, and for what lies between the body's being put and its message's being sent.
 */
export class ClaimSweeper {
  readonly #options: ClaimSweeperOptions
  #timer: Timer | undefined
  #isClosed = false

  constructor(options: ClaimSweeperOptions) {
    this.#options = options
    // A process that lives for less than a day sweeps too.
    this.#sweepIn(dayMs / 24)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  #sweepIn(delayMs: number): void {
    const { clock } = this.#options
    if (this.#isClosed) return
    const sweep = (): void => void this.#sweep().finally(() => this.#sweepIn(dayMs))
    this.#timer = clock.setTimer(delayMs, sweep, { unref: true })
  }

  async #sweep(): Promise<void> {
    const { store, namespace, clock, report } = this.#options
    try {
      await store.sweep?.(claimsPrefix(namespace), clock.now() - longestRetentionMs - dayMs)
    } catch (cause) {
      report(sqsError('What no message names any more stays in the store', cause).error)
    }
  }
}

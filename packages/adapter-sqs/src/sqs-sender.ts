import { type SendOutcome, WalError } from '@daybook/core'
import { mostEntries, type SqsCalls } from './sqs-calls.ts'
import type { BatchFailure, SendEntry, SqsClient } from './sqs-client.ts'
import { classOf, sqsError } from './sqs-errors.ts'

/** A message on its way out. */
export interface Outgoing {
  readonly body: string
  /** Of the body, where they are known. */
  readonly bytes?: number | undefined
  /** On a FIFO queue. */
  readonly group?: string | undefined
  readonly deduplicationId?: string | undefined
  readonly delaySeconds?: number | undefined
  /** Aborted once nobody waits for the answer. */
  readonly signal?: AbortSignal | undefined
  /** What has to be durable first. Meanwhile it keeps its place before the later ones of its group. */
  readonly after?: Promise<void> | undefined
}

interface Waiting extends Outgoing {
  readonly bytes: number
  isReady: boolean
  readonly resolve: (outcome: SendOutcome) => void
}

export interface SqsSenderOptions {
  readonly client: SqsClient
  readonly calls: SqsCalls
  readonly queueUrl: string
  /** How long the queue keeps a message, in ms. */
  readonly retentionMs: number
  /** Most bytes of one batch. */
  readonly maxBatchBytes: number
  /** Most batches on their way at once. */
  readonly senders: number
  /** How often the client tries a call by itself. */
  readonly maxTries: number
}

/** Longest delay of a message, in ms. Fixed by the service. Source: "message timers" in its manual. */
const longestHopMs = 900_000

/** How far behind the first waiting message others are looked for, where groups are on their way. */
const lookAhead = 500

/**
 * Sends messages to one queue in batches: as many as are waiting, by count and bytes. Of one group one
 * batch is on its way at a time, for two might be stored the other way round.
 */
export class SqsSender {
  readonly #options: SqsSenderOptions
  #waiting: Waiting[] = []
  readonly #busyGroups = new Set<string>()
  #inFlight = 0
  #isScheduled = false
  /** Resolve once nothing waits and nothing is on its way. */
  readonly #idle: (() => void)[] = []

  constructor(options: SqsSenderOptions) {
    this.#options = options
  }

  /** Resolves once it is known what became of it, or that nobody will know. Never rejects. */
  send(message: Outgoing): Promise<SendOutcome> {
    return new Promise((resolve) => {
      const { body, bytes = Buffer.byteLength(body), after } = message
      const { group, deduplicationId, delaySeconds, signal } = message
      const waiting: Waiting = {
        body,
        bytes,
        group,
        deduplicationId,
        delaySeconds,
        signal,
        isReady: after === undefined,
        resolve,
      }
      this.#waiting.push(waiting)
      if (after !== undefined) void this.#await(waiting, after)
      if (this.#isScheduled) return
      this.#isScheduled = true
      // Whatever is sent in the same turn goes in the same batch.
      queueMicrotask(() => {
        this.#isScheduled = false
        this.#pump()
      })
    })
  }

  /**
   * Seconds of delay for one hop: never beyond what is left, the rest is waited out at the consumer,
   * nor beyond half of what the queue keeps, for the message must still be there when it is due.
   */
  hopSeconds(waitMs: number): number {
    const longestMs = Math.min(longestHopMs, this.#options.retentionMs / 2)
    return Math.max(0, Math.floor(Math.min(waitMs, longestMs) / 1_000))
  }

  /** Resolves once everything sent so far has its answer. */
  idle(): Promise<void> {
    if (this.#inFlight === 0 && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  async #await(waiting: Waiting, after: Promise<void>): Promise<void> {
    try {
      await after
      waiting.isReady = true
    } catch (cause) {
      this.#waiting = this.#waiting.filter((other) => other !== waiting)
      const message = 'The store did not take a body that is too large for a message.'
      const error = new WalError('ERR_IO', message, { retryable: true, cause })
      waiting.resolve({ durable: 'no', error })
    }
    this.#pump()
  }

  #pump(): void {
    while (this.#inFlight < this.#options.senders) {
      const batch = this.#nextBatch()
      if (batch.length === 0) break
      this.#inFlight++
      for (const { group } of batch) if (group !== undefined) this.#busyGroups.add(group)
      void this.#sendBatch(batch).finally(() => {
        this.#inFlight--
        for (const { group } of batch) if (group !== undefined) this.#busyGroups.delete(group)
        this.#pump()
      })
    }
    if (this.#inFlight > 0 || this.#waiting.length > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #nextBatch(): Waiting[] {
    const batch: Waiting[] = []
    const passed: Waiting[] = []
    const passedGroups = new Set<string>()
    let bytes = 0
    let at = 0
    for (; at < this.#waiting.length && at < lookAhead && batch.length < mostEntries; at++) {
      const next = this.#waiting[at] as Waiting
      const { group } = next
      if (next.signal?.aborted) {
        next.resolve({ durable: 'no', error: new WalError('ERR_ABORTED', 'The send was aborted.') })
        continue
      }
      const isBusy = !next.isReady || this.#isBusy(group, passedGroups)
      const isFull = batch.length > 0 && bytes + next.bytes > this.#options.maxBatchBytes
      if (isBusy || isFull) {
        passed.push(next)
        if (group !== undefined) passedGroups.add(group)
        if (isFull) {
          at++
          break
        }
      } else {
        batch.push(next)
        bytes += next.bytes
      }
    }
    if (at > passed.length) this.#waiting = [...passed, ...this.#waiting.slice(at)]
    return batch
  }

  #isBusy(group: string | undefined, passed: ReadonlySet<string>): boolean {
    return group !== undefined && (this.#busyGroups.has(group) || passed.has(group))
  }

  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    const { client, calls, queueUrl, maxTries } = this.#options
    const input = { QueueUrl: queueUrl, Entries: batch.map(entryOf) }
    try {
      const {
        Successful = [],
        Failed = [],
        $metadata,
      } = await calls.run((options) => client.sendMessageBatch(input, options))
      const tries = $metadata?.attempts ?? maxTries
      const stored = new Set(Successful.map(({ Id }) => Id))
      const failures = new Map(Failed.map((failure) => [failure.Id, failure]))
      for (const [at, { resolve }] of batch.entries()) {
        const id = String(at)
        resolve(stored.has(id) ? { durable: 'yes' } : failed(failures.get(id), tries))
      }
    } catch (cause) {
      const { error, refused } = sqsError('SQS did not take a batch', cause, maxTries)
      for (const { resolve } of batch) resolve({ durable: refused ? 'no' : 'unknown', error })
    }
  }
}

function entryOf(message: Outgoing, at: number): SendEntry {
  const { body, group, deduplicationId, delaySeconds } = message
  return {
    Id: String(at),
    MessageBody: body,
    ...(group === undefined ? {} : { MessageGroupId: group }),
    ...(deduplicationId === undefined ? {} : { MessageDeduplicationId: deduplicationId }),
    ...(delaySeconds ? { DelaySeconds: delaySeconds } : {}),
  }
}

/**
 * An entry that the service speaks of as failed was not stored, unless it failed by itself. Of one that
 * it had no room for at a later try, an earlier try may have been stored unheard.
 */
function failed(failure: BatchFailure | undefined, tries: number): SendOutcome {
  if (failure === undefined) {
    const error = new WalError('ERR_IO', 'SQS did not say what became of the message.', {
      retryable: true,
    })
    return { durable: 'unknown', error }
  }
  const { Code = '', Message = '', SenderFault } = failure
  const { code, retryable, refused } = classOf(Code)
  const error = new WalError(code, `SQS refused the message: ${Code}: ${Message}.`, { retryable })
  const isCertain = tries <= 1 || code !== 'ERR_THROTTLED'
  return { durable: isCertain && (refused || SenderFault) ? 'no' : 'unknown', error }
}

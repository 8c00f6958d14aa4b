import { randomBytes } from 'node:crypto'
import { type Clock, isWalError, type SendOutcome, type WalError } from '@daybook/core'
import { AckedCopies } from './sqs-acked-copies.ts'
import type { SqsCalls } from './sqs-calls.ts'
import type { ReceivedMessage } from './sqs-client.ts'
import type { Comebacks } from './sqs-comebacks.ts'
import { SqsDeletions } from './sqs-deletions.ts'
import { encodeClaim } from './sqs-envelope.ts'
import { sqsError } from './sqs-errors.ts'
import { Hiding, partedByStore } from './sqs-hiding.ts'
import type { IngressRetention } from './sqs-ingress-retention.ts'
import { MessageCalls } from './sqs-message-calls.ts'
import type { SqsSettings } from './sqs-options.ts'
import { SqsPoller } from './sqs-poller.ts'
import { fifoFields } from './sqs-producer.ts'
import { type ReadMessage, readMessages, type StoredBodies } from './sqs-read-message.ts'
import type { SqsSender } from './sqs-sender.ts'

export interface SqsForwarderOptions {
  /** Of the ingress queue. */
  readonly settings: SqsSettings
  readonly clock: Clock
  readonly calls: SqsCalls
  /** Into each target's queue. */
  readonly senders: ReadonlyMap<string, SqsSender>
  /** Of the ingress queue. */
  readonly retention: IngressRetention
  readonly comebacks: Comebacks
  /** A record for that target alone, which has no queue here, stays where it is. */
  passedOver(target: string): void
  report(error: WalError): void
}

/** What one receive brought, or a part of it, on its way. */
interface Forwarding {
  readonly hiding: Hiding
  /** By their names in the store: what was read of there, until it is copied. */
  readonly bodies: Map<string, Uint8Array>
  /** The ids of those whose every copy is acknowledged. */
  readonly copied: Set<string>
}

/** Wait after a failure of a queue, in ms. */
const pauseMs = 1_000
/** Most messages on their way at once. */
const mostUnderWay = 100

/**
 * Copies what comes into the ingress queue to the queue of each target it is meant for, and deletes it
 * there once every copy is acknowledged. After a crash in between it is copied again: FIFO queues drop
 * the repetition for five minutes, targets by id or version at any time.
 */
export class SqsForwarder {
  readonly #options: SqsForwarderOptions
  readonly #calls: MessageCalls
  readonly #deletions: SqsDeletions
  readonly #poller: SqsPoller
  readonly #copies = new AckedCopies()
  readonly #underWay = new Set<Promise<void>>()
  #messages = 0
  #isPaused = false
  #isClosed = false

  constructor(options: SqsForwarderOptions) {
    const { settings, calls, clock } = options
    this.#options = options
    this.#calls = new MessageCalls({ ...settings, calls })
    this.#deletions = new SqsDeletions(this.#calls)
    this.#poller = new SqsPoller({
      ...{ ...settings, calls, clock },
      wants: () => !this.#isPaused && this.#messages < mostUnderWay,
      accept: (messages, expiresAt) => {
        for (const part of partedByStore(messages)) this.#follow(part, expiresAt)
      },
      failed: (error) => {
        options.comebacks.awaitReceive()
        this.#failed(error as WalError)
      },
    })
    this.#poller.poke()
  }

  /** Resolves once nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#poller.close()
    await Promise.all(this.#underWay)
  }

  #follow(messages: readonly ReceivedMessage[], expiresAt: number): void {
    const { clock, settings } = this.#options
    const { visibilityMs } = settings
    this.#messages += messages.length
    // Also while what lies in the store is copied there.
    const hiding = new Hiding({ messages, calls: this.#calls, clock, visibilityMs, expiresAt })
    const work = this.#forwardAll(messages, hiding)
      .catch((error: unknown) => {
        this.#options.comebacks.await(hiding.expiresAt)
        const reported = isWalError(error)
          ? error
          : sqsError('Records were not forwarded', error).error
        this.#failed(reported)
      })
      .finally(() => {
        void hiding.end()
        this.#messages -= messages.length
        this.#underWay.delete(work)
        this.#poller.poke()
      })
    this.#underWay.add(work)
  }

  async #forwardAll(messages: readonly ReceivedMessage[], hiding: Hiding): Promise<void> {
    const { settings, retention, comebacks } = this.#options
    retention.look(messages)
    const [bodies, copied] = [new Map<string, Uint8Array>(), new Set<string>()]
    const { read, failure } = await readMessages(messages, keptIn(bodies, settings.store))
    const groups = Map.groupBy(
      read.map(withoutPayload),
      ({ group, messageId }) => group ?? messageId,
    )
    const forwarding = { hiding, bodies, copied }
    const work = [...groups.values()].map((group) => this.#forwardGroup(group, forwarding))
    // One that fails must not hide that others are still on their way.
    const failed = (await Promise.allSettled(work)).find(({ status }) => status === 'rejected')
    if (this.#isLate(hiding)) comebacks.await(hiding.expiresAt)
    else {
      await retention.renew(messages.filter(({ MessageId = '' }) => !copied.has(MessageId)))
    }
    if (failed?.status === 'rejected') throw failed.reason
    if (failure !== undefined) throw failure
  }

  /** One after the other: behind one that failed nothing of its group may go. */
  async #forwardGroup(group: readonly ReadMessage[], forwarding: Forwarding): Promise<void> {
    const { hiding, bodies, copied } = forwarding
    for (const message of group) {
      // What is left comes again when its visibility is over.
      if (this.#isLate(hiding)) return
      const { claim = '', unreadable } = message
      const body = bodies.get(claim)
      // What was read and is there no more, the message before it has taken along: it is the same once more.
      const isCopied = message.claim !== undefined && body === undefined && !unreadable
      const to = isCopied ? [] : this.#targetsOf(message)
      if (to === undefined) continue
      const outcomes = await Promise.all(to.map((target) => this.#copyOnce(message, body, target)))
      const failure = outcomes.find(({ durable }) => durable !== 'yes')
      if (failure !== undefined) throw failure.error
      copied.add(message.messageId)
      bodies.delete(claim)
      await this.#delete(message)
      hiding.forget(message.messageId)
    }
  }

  /** They may soon be somebody else's. */
  #isLate({ expiresAt }: Hiding): boolean {
    const { clock, settings } = this.#options
    return clock.monotonic() > expiresAt - settings.visibilityMs / 4
  }

  /** Undefined for a target that is configured no more: it waits for that, and holds up no other. */
  #targetsOf({ record: { target }, isRepeat }: ReadMessage): readonly string[] | undefined {
    const { senders, passedOver } = this.#options
    if (isRepeat) return []
    if (target === undefined) return [...senders.keys()]
    if (senders.has(target)) return [target]
    passedOver(target)
    return undefined
  }

  /** What its queue has acknowledged is not copied again while another one's refuses. */
  async #copyOnce(
    message: ReadMessage,
    stored: Uint8Array | undefined,
    target: string,
  ): Promise<SendOutcome> {
    const { messageId } = message
    if (this.#copies.has(messageId, target)) return { durable: 'yes' }
    const body = await this.#bodyOf(message, stored)
    const outcome = await this.#copy(message, body, this.#options.senders.get(target) as SqsSender)
    if (outcome.durable === 'yes') this.#copies.add(messageId, target)
    return outcome
  }

  #copy(message: ReadMessage, body: string, sender: SqsSender): Promise<SendOutcome> {
    const { settings, clock } = this.#options
    const { record, group, messageId, unreadable } = message
    const fifo = unreadable ? { group, deduplicationId: messageId } : fifoFields(record, 'copy')
    const waitMs = (record.dueAt ?? 0) - clock.now()
    if (settings.isFifo) return sender.send({ body, ...fifo })
    return sender.send({ body, delaySeconds: sender.hopSeconds(waitMs) })
  }

  /** What lies in the store is copied too: each target takes its own away when it is done. */
  async #bodyOf(message: ReadMessage, stored: Uint8Array | undefined): Promise<string> {
    const { body, claim, record } = message
    if (stored === undefined) return body
    const name = `${claim}.${randomBytes(6).toString('hex')}`
    await this.#options.settings.store?.put(name, stored)
    return encodeClaim(name, record)
  }

  async #delete({ receipt, claim, messageId }: ReadMessage): Promise<void> {
    const name = await this.#deletions.delete(receipt)
    // It comes again, and needs what lies in the store.
    if (name !== undefined) throw sqsError('SQS did not delete', { name }).error
    this.#copies.forget(messageId)
    const { store } = this.#options.settings
    if (claim !== undefined) await store?.delete(claim)
  }

  #failed(error: WalError): void {
    const { report, clock } = this.#options
    report(error)
    if (this.#isPaused || this.#isClosed) return
    this.#isPaused = true
    clock.setTimer(
      pauseMs,
      () => {
        this.#isPaused = false
        this.#poller.poke()
      },
      { unref: true },
    )
  }
}

/** The store, as readings need it; what it gives them is kept for the copies, which it is not asked for again. */
function keptIn(
  bodies: Map<string, Uint8Array>,
  store: StoredBodies | undefined,
): StoredBodies | undefined {
  return (
    store && {
      ...store,
      async get(name) {
        const bytes = await store.get(name)
        if (bytes !== undefined) bodies.set(name, bytes)
        return bytes
      },
    }
  )
}

/** Copies are of the body as it is: what was decoded of it, up to 64 MiB, is not held beside it. */
function withoutPayload(message: ReadMessage): ReadMessage {
  return { ...message, record: { ...message.record, payload: undefined } }
}

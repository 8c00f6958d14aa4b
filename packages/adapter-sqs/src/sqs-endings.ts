import type { Clock, WalError } from '@daybook/core'
import { lots, mostEntries, type SqsCalls } from './sqs-calls.ts'
import { sendTouched } from './sqs-claims.ts'
import { withTried } from './sqs-envelope.ts'
import { isStale, sqsError } from './sqs-errors.ts'
import type { Held, HeldMessages } from './sqs-held.ts'
import type { SqsLeases } from './sqs-leases.ts'
import { type FailedEntries, MessageCalls } from './sqs-message-calls.ts'
import type { SqsSettings } from './sqs-options.ts'
import type { SqsSender } from './sqs-sender.ts'

export interface SqsEndingsOptions {
  readonly settings: SqsSettings
  readonly clock: Clock
  readonly calls: SqsCalls
  /** Into the same queue. */
  readonly sender: SqsSender
  readonly held: HeldMessages
  readonly leases: SqsLeases
  /** A delayed record was sent on. */
  hopped(): void
  /** Fewer are being deleted than before. */
  deleted(): void
  report(error: WalError): void
}

/** Ends what is held: deletes what is done, and sends anew, as a message of its own, what has to wait. */
export class SqsEndings {
  readonly #options: SqsEndingsOptions
  readonly #messages: MessageCalls
  /** What is under way, the consumer's readings among it. */
  readonly #underWay = new Set<Promise<unknown>>()
  #deleting = 0

  constructor(options: SqsEndingsOptions) {
    this.#options = options
    this.#messages = new MessageCalls({ ...options.settings, calls: options.calls })
  }

  /** Messages whose deletion is under way because their records came to their end. */
  get deleting(): number {
    return this.#deleting
  }

  /** `idle` waits for it. */
  async follow<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work)
    try {
      return await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
  }

  /** Their records have come to their end. Resolves, or rejects, once nothing of it is under way any more. */
  async done(messages: readonly Held[]): Promise<void> {
    for (const held of messages) this.#options.held.end(held)
    this.#deleting += messages.length
    await this.follow(this.#deleteAll(messages))
  }

  /**
   * Sends a copy, which knows the attempts, and deletes the message; for standard queues, where a copy
   * comes behind nothing. Sent before it is deleted: should that fail, it comes twice rather than not
   * at all. Never rejects.
   */
  sendAnew(held: Held, until = held.heldUntil): Promise<void> {
    this.#options.held.end(held)
    return this.follow(this.#sendAnew(held, until))
  }

  async #sendAnew(held: Held, until: number): Promise<void> {
    const { settings, sender, clock, leases, hopped, report } = this.#options
    const { attempts, body: before } = held
    const waits = until > (held.record.dueAt ?? 0)
    const tells = attempts.spent > 0 || waits
    const body =
      tells && held.unreadable === undefined
        ? withTried(before, { attempts, until: waits ? until : 0 }, settings.maxMessageBytes)
        : before
    const delaySeconds = sender.hopSeconds(until - clock.now())
    try {
      const message = { body, delaySeconds }
      const { durable, error } = await sendTouched(settings.store, sender, message)
      if (durable === 'yes') {
        if (delaySeconds > 0) hopped()
        return await this.#delete([held], false)
      }
      if (error !== undefined) report(error)
      this.#options.held.lose(held.lease)
      await leases.giveBack([held], () => Math.min(delaySeconds, 60))
    } catch (cause) {
      this.#options.held.lose(held.lease)
      report(sqsError('A message that was sent anew may come twice', cause).error)
    }
  }

  /**
   * Within one call SQS may fail an earlier entry and delete a later one. So the last of each key goes only once
   * those before it are gone: whatever comes again then, after a crash, comes with the last behind it.
   */
  async #deleteAll(messages: readonly Held[]): Promise<void> {
    const { settings, held: all } = this.#options
    const { earlier, last } = settings.isFifo
      ? lastApart(messages)
      : { earlier: [], last: messages }
    const failure = await this.#deleteParts(besideEachOther(earlier))
    const stayed = new Set(earlier.filter((held) => all.has(held)).map(orderOf))
    const stays = (held: Held): boolean => stayed.has(orderOf(held))
    this.#leave(last.filter(stays))
    const lastFailure = await this.#deleteParts(lots(last.filter((held) => !stays(held))))
    if (failure !== undefined || lastFailure !== undefined) throw failure ?? lastFailure
  }

  /** Beside each other. Answers with the failure of one, once all have ended. */
  async #deleteParts(parts: readonly (readonly Held[])[]): Promise<unknown> {
    const ended = await Promise.allSettled(parts.map((part) => this.#deleteDone(part)))
    return ended.find((one) => one.status === 'rejected')?.reason
  }

  /**
   * In calls one after the other. After one that failed, or lost the lease, what follows is left: were it
   * deleted, the earlier ones of its group would come again after it, last.
   */
  async #deleteDone(messages: readonly Held[]): Promise<void> {
    const { held: all } = this.#options
    try {
      for (const lot of lots(messages)) {
        const still = lot.filter((held) => all.has(held))
        if (still.length > 0) await this.#delete(still, true)
      }
    } finally {
      this.#leave(messages)
    }
  }

  /** No deletion of them is under way. What is still there is deleted by another ack. */
  #leave(messages: readonly Held[]): void {
    const { held: all, deleted } = this.#options
    for (const held of messages) if (all.has(held)) held.state = 'leased'
    this.#deleting -= messages.length
    deleted()
  }

  /** `isDone`: the record has come to its end, and what lies in the store is not needed any more. */
  async #delete(lot: readonly Held[], isDone: boolean): Promise<void> {
    const { held: all } = this.#options
    let failed: FailedEntries
    try {
      failed = await this.#messages.delete(lot.map(({ receipt }) => receipt))
    } catch (cause) {
      for (const held of lot) held.state = 'leased'
      throw sqsError('SQS did not delete messages', cause).error
    }
    let failure: string | undefined
    for (const [at, held] of lot.entries()) {
      const code = failed.get(at)
      if (code === undefined) this.#gone(held, isDone)
      else if (isStale(code)) all.lose(held.lease)
      else {
        held.state = 'leased'
        failure = code
      }
    }
    if (failure !== undefined)
      throw sqsError('SQS did not delete messages', { name: failure }).error
  }

  #gone(held: Held, isDone: boolean): void {
    const { settings, held: all, report } = this.#options
    all.remove(held)
    if (!isDone || held.claim === undefined || settings.store === undefined) return
    const cleared = settings.store.delete(held.claim).catch((cause: unknown) => {
      report(sqsError(`'${held.claim}' stays in the store`, cause).error)
    })
    void this.follow(cleared)
  }
}

/** In whose order it stands: redriven records of a key have a group of their own. Without a group it has none. */
function orderOf(held: Held): unknown {
  return held.group === undefined ? held : (held.record.key ?? held.group)
}

/** The last of each key, and those before them. */
function lastApart(messages: readonly Held[]) {
  const last = new Map<unknown, Held>()
  const earlier: Held[] = []
  for (const held of messages) {
    const order = orderOf(held)
    const before = last.get(order)
    if (before !== undefined) earlier.push(before)
    last.set(order, held)
  }
  return { earlier, last: [...last.values()] }
}

/** Parts that may be deleted beside each other: each fills one call at most, or is of one group. */
function besideEachOther(messages: readonly Held[]): Held[][] {
  const groups = new Map<unknown, Held[]>()
  for (const held of messages) {
    const group = held.group ?? held
    const known = groups.get(group)
    if (known === undefined) groups.set(group, [held])
    else known.push(held)
  }
  const parts: Held[][] = []
  for (const group of groups.values()) {
    const last = parts.at(-1)
    if (last !== undefined && last.length + group.length <= mostEntries) last.push(...group)
    else parts.push(group)
  }
  return parts
}

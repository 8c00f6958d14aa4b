import { type Clock, type Timer, WalError } from '@daybook/core'
import { lots } from '../sqs-calls.ts'
import type { ReceivedMessage } from '../sqs-client.ts'
import { claimOf } from '../sqs-envelope.ts'
import { sqsError } from '../sqs-errors.ts'
import type { MessageCalls } from '../sqs-message-calls.ts'
import { type HeldLetter, HeldLetters, isLater } from './held-letters.ts'
import { type LetterElsewhere, putOf, type StampedLetter } from './letter-message.ts'
import { emptyRounds, roundMs } from './letter-pass.ts'
import type { OtherNamespaces } from './other-namespaces.ts'
import { RemovedLetters } from './removed-letters.ts'
import type { Turns } from './turns.ts'

/** How long a letter is hidden from others, in ms; renewed at half of it while it is worked with. */
const visibilityMs = 120_000
/** Without a call for so long, in ms, what is held goes back. */
const lingerMs = 5_000
/** Most bytes of messages that are held. */
const mostBytes = 64 * 2 ** 20
/** How long a row of calls waits, once, for what others hold, in ms: longer than they do after their last call. */
const patienceMs = 20_000

export interface LetterLookOptions {
  readonly messages: MessageCalls
  readonly clock: Clock
  readonly turns: Turns
  readonly maxLetters: number
  readonly maxLookMs: number
  readonly others: OtherNamespaces
  read(message: ReceivedMessage): Promise<StampedLetter | LetterElsewhere>
  /** How many messages the queue has in all, hidden ones included, as far as it can tell. */
  size(): Promise<number>
  /** Throws once they are closed. */
  checkOpen(): void
  /** No message names this body any more. */
  dropBody(claim: string): Promise<void>
  report(error: WalError): void
}

/** What a call finds, and how far that is all. */
export interface Found<T> {
  readonly value: T
  /** The bounds ended the look: there are letters that it has not seen. */
  readonly isCut: boolean
  /** The queue counts messages that it has not seen, or could not read; others may hold them. */
  readonly hasUnseen: boolean
}

/**
 * What one look at the queue has found. It holds its letters for as long as they are worked with, and shows them to
 * others again soon after. A call looks and does its work in one turn: what else reads the queue may give back all
 * that is held between two of them.
 */
export class LetterLook {
  readonly #options: LetterLookOptions
  readonly #held = new HeldLetters()
  readonly #removed = new RemovedLetters()
  /** Receipts of what is of other namespaces, by messages, until the look ends. */
  readonly #elsewhere = new Map<string, string>()
  /** Until when what others hold is waited for, by the monotonic clock; undefined before a call has to. */
  #patientUntil: number | undefined
  /** When the first of those held comes to be visible, by the monotonic clock. */
  #expiresAt = Number.POSITIVE_INFINITY
  #isStale = true
  /** How many looks have begun: a call shares one that begins after it. */
  #looks = 0
  #linger: Timer | undefined
  #isCut = false
  #hasUnseen = false

  constructor(options: LetterLookOptions) {
    this.#options = options
  }

  /** What is held, in the order of the puts. Looks first, unless `after` goes on with what is held. */
  letters({ goesOn }: { readonly goesOn: boolean }): Promise<Found<readonly HeldLetter[]>> {
    return this.#turn(async (isShared) => {
      if (this.#isStale || !(goesOn || isShared())) await this.#look()
      return this.#held.all().toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1))
    })
  }

  find(id: string): Promise<Found<HeldLetter | undefined>> {
    return this.#turn(async (isShared) => {
      if (!this.#held.has(id) && (this.#isStale || !isShared())) await this.#look()
      await this.#lookOn([id])
      return this.#held.get(id)
    })
  }

  /** Deletes letters, and answers how many there were. Of what was removed here looking tells nothing more. */
  remove(ids: readonly string[]): Promise<Found<number>> {
    return this.#turn(async (isShared) => {
      const isDone = (id: string) => this.#held.has(id) || this.#removed.wasRemoved(id)
      if (!ids.every(isDone) && (this.#isStale || !isShared())) await this.#look()
      await this.#lookOn(ids)
      return this.#removeHeld(ids)
    })
  }

  /** They are void: those that are held are deleted, and the others once a look comes across them. */
  async removeIfSeen(ids: readonly string[], atMicros: number): Promise<void> {
    for (const id of ids) this.#removed.addVoid(id, atMicros)
    if (!ids.some((id) => this.#held.has(id))) return
    await this.#turn(() => this.#removeHeld(ids))
  }

  /** Whether it was removed here or is void, and not put again since. */
  isGone(id: string): boolean {
    return this.#removed.isGone(id)
  }

  /** Whether what the message says was removed here. */
  wasRemoved(message: ReceivedMessage): boolean {
    return this.#removed.has(putOf(message))
  }

  /** Letters were put: what is held is not all any more. */
  put(ids: readonly string[]): void {
    this.#isStale = true
    for (const id of ids) {
      this.#removed.putAgain(id)
      this.#held.doubt(id)
    }
  }

  /** To be called in turn. Gives back what is held. */
  async end(): Promise<void> {
    const held = this.#held.all()
    this.#linger?.cancel()
    this.#patientUntil = undefined
    this.#forgetAll()
    await this.#show(held.map(({ receipt }) => receipt))
  }

  /** One call. `isShared` tells whether a look has begun since it came. */
  #turn<T>(work: (isShared: () => boolean) => Promise<T>): Promise<Found<T>> {
    const looksBefore = this.#looks
    return this.#options.turns.run(async () => {
      this.#options.checkOpen()
      this.#linger?.cancel()
      this.#linger = undefined
      try {
        await this.#keep()
        const value = await work(() => this.#looks > looksBefore)
        return { value, isCut: this.#isCut, hasUnseen: this.#hasUnseen }
      } finally {
        this.#rest()
      }
    })
  }

  /** Whether it is clear of each what became of it. */
  #areKnown(ids: readonly string[]): boolean {
    return ids.every((id) => this.#held.has(id) || this.#removed.isGone(id))
  }

  /** What is not known, and may be held by others, is looked for again until the patience is over. */
  async #lookOn(ids: readonly string[]): Promise<void> {
    const { clock, checkOpen } = this.#options
    while (this.#hasUnseen && !this.#isCut && !this.#areKnown(ids)) {
      this.#patientUntil ??= clock.monotonic() + patienceMs
      if (clock.monotonic() >= this.#patientUntil) return
      checkOpen()
      await this.#keep()
      await this.#look()
    }
  }

  async #look(): Promise<void> {
    const { clock, messages, maxLetters, maxLookMs, size } = this.#options
    const until = clock.monotonic() + maxLookMs
    let empty = 0
    let failed = 0
    let isDone = false
    this.#looks++
    // What is put from now on may come too late for it.
    this.#isStale = false
    this.#held.doubtNone()
    const isFull = () =>
      this.#held.size >= maxLetters || this.#held.bytes >= mostBytes || clock.monotonic() >= until
    try {
      while (empty < emptyRounds && !isFull()) {
        const expiresAt = clock.monotonic() + visibilityMs
        const received = await messages.receive(roundMs, visibilityMs)
        if (received.length > 0) this.#expiresAt = Math.min(this.#expiresAt, expiresAt)
        empty = received.length === 0 ? empty + 1 : 0
        for (const message of received) if (!(await this.#accept(message))) failed++
      }
      this.#isCut = empty < emptyRounds
      const seen = this.#held.size + this.#elsewhere.size
      this.#hasUnseen = this.#isCut || failed > 0 || (await size()) > seen
      if (!this.#hasUnseen) this.#patientUntil = undefined
      isDone = true
    } finally {
      if (!isDone) this.#isStale = true
      // Shown sooner they would come again and again in the same look.
      await this.#show([...this.#elsewhere.values()])
      this.#elsewhere.clear()
      this.#options.others.tell()
    }
  }

  /** False where it cannot be read for now: it comes again when its visibility is over. */
  async #accept(message: ReceivedMessage): Promise<boolean> {
    const { MessageId: messageId = '', ReceiptHandle: receipt = '', Body: body = '' } = message
    const sentAt = Number(message.Attributes?.['SentTimestamp'] ?? 0)
    // Its body in the store is gone, so that it could not be read.
    if (this.wasRemoved(message)) {
      await this.#drop({ receipt, body }, undefined)
      return true
    }
    let read: StampedLetter | LetterElsewhere
    try {
      read = await this.#options.read(message)
    } catch (cause) {
      const what = 'The store did not give the body of a dead letter'
      this.#options.report(sqsError(what, cause).error)
      return false
    }
    if ('elsewhere' in read) {
      if (!this.#elsewhere.has(messageId)) this.#options.others.passedOver(read.elsewhere)
      this.#elsewhere.set(messageId, receipt)
      return true
    }
    const one: HeldLetter = { ...read, messageId, receipt, sentAt, body }
    if (this.#removed.isVoid(one)) await this.#drop(one, undefined)
    else await this.#hold(one)
    return true
  }

  /** Of two messages of one letter one is held, and the other deleted. */
  async #hold(one: HeldLetter): Promise<void> {
    const other = this.#held.get(one.letter.id)
    const isSame = other === undefined || other.messageId === one.messageId
    if (isSame || isLater(one, other)) this.#held.add(one)
    if (!isSame) await (isLater(one, other) ? this.#drop(other, one) : this.#drop(one, other))
  }

  /** A copy of a letter that counts elsewhere, or no more. */
  async #drop(
    one: Pick<HeldLetter, 'receipt' | 'body'>,
    kept: HeldLetter | undefined,
  ): Promise<void> {
    await this.#options.messages.delete([one.receipt])
    const claim = claimOf(one.body)
    const isNeeded = kept !== undefined && claimOf(kept.body) === claim
    if (claim !== undefined && !isNeeded) await this.#dropBody(claim)
  }

  async #removeHeld(ids: readonly string[]): Promise<number> {
    const found = [...new Set(ids)].flatMap((id) => this.#held.get(id) ?? [])
    for (const lot of lots(found)) await this.#delete(lot)
    return found.length
  }

  async #delete(lot: readonly HeldLetter[]): Promise<void> {
    const failed = await this.#options.messages.delete(lot.map(({ receipt }) => receipt))
    for (const [at, one] of lot.entries()) {
      if (failed.has(at)) {
        // Whether it is still ours is not known.
        this.#held.doubt(one.letter.id)
        continue
      }
      this.#held.forget(one.letter.id)
      this.#removed.add(one.letter.id, putOf({ Body: one.body, MessageId: one.messageId }))
      const claim = claimOf(one.body)
      if (claim !== undefined) await this.#dropBody(claim)
    }
    if (failed.size === 0) return
    this.#isStale = true
    const codes = [...new Set(failed.values())].join(', ')
    const text = `${failed.size} dead letters were not deleted: ${codes}. They stay; try again.`
    throw new WalError('ERR_IO', text, { retryable: true })
  }

  async #dropBody(claim: string): Promise<void> {
    try {
      await this.#options.dropBody(claim)
    } catch (cause) {
      this.#options.report(sqsError(`The store keeps '${claim}'`, cause).error)
    }
  }

  /** Hides what is held for longer, in time. What came to be visible meanwhile is not ours any more. */
  async #keep(): Promise<void> {
    const { clock, messages } = this.#options
    const now = clock.monotonic()
    if (now >= this.#expiresAt) this.#forgetAll()
    if (now < this.#expiresAt - visibilityMs / 2) return
    const held = this.#held.all()
    for (const lot of lots(held)) {
      const seconds = visibilityMs / 1_000
      const failed = await messages.hide(lot.map(({ receipt }) => ({ receipt, seconds })))
      for (const at of failed.keys()) this.#held.forget(lot[at]?.letter.id ?? '')
      if (failed.size > 0) this.#isStale = true
    }
    this.#expiresAt = held.length > 0 ? now + visibilityMs : Number.POSITIVE_INFINITY
  }

  /** To others. Where that fails they come to be visible later. */
  async #show(receipts: readonly string[]): Promise<void> {
    const { messages, report } = this.#options
    try {
      for (const lot of lots(receipts)) {
        await messages.hide(lot.map((receipt) => ({ receipt, seconds: 0 })))
      }
    } catch (cause) {
      report(sqsError('Dead letters come to be visible again later', cause).error)
    }
  }

  #forgetAll(): void {
    this.#held.forgetAll()
    this.#expiresAt = Number.POSITIVE_INFINITY
    this.#isStale = true
  }

  #rest(): void {
    const { clock, turns } = this.#options
    // It may have to wait for its turn, and a call may come before it.
    const end = async (): Promise<void> => {
      if (this.#linger === linger) await this.end()
    }
    const linger = clock.setTimer(lingerMs, () => void turns.run(end), { unref: true })
    this.#linger?.cancel()
    this.#linger = linger
  }
}

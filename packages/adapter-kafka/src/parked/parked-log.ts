import { type SendOutcome, WalError } from '@daybook/core'
import type { ParkedNote } from '../consumer/progress-text.ts'
import type { KafkaMessage } from '../kafka-client.ts'
import type { ParkedLogPort } from './parked-log-port.ts'
import {
  claimMessage,
  doneMessage,
  higherClaim,
  type ParkedFact,
  parkedFactOf,
} from './parked-message.ts'

/** Where a copy lies, or before it. */
interface Copy {
  readonly at: number
  /** The highest claim that stands before. */
  readonly floor: number
}

/** Positions of what was written here are looked up anew after so many messages. */
const writesBetweenClaims = 20_000

/** Offsets in one message. */
const mostOffsets = 5_000

/** Claims in a row that met a higher one. */
const mostClaims = 5

/**
 * One partition of a parked topic, as whoever has the partition of the same number in the records' topic sees it: a
 * log of copies, of what is done with, and of claims. A claim is a number that its owner commits in the group before
 * it is written here, so that only the owner can; what stands behind a claim and has a lower one counts for nothing,
 * so whoever has lost the partition and does not know it changes nothing. After any answer but yes the owner claims
 * anew and reads what is there up to the claim: then it is known what was stored, and what comes later is void.
 *
 * A copy counts only where the group's commit has its record done with. One that counts in the log and not there is
 * taken back before anything is read from the records' topic.
 */
export class ParkedLog {
  readonly #port: ParkedLogPort
  #claim: number
  /** The highest claim that stands before `#readTo`. */
  #highest: number
  /** From here on it is not known what is there, but for what was stored from here. */
  #readTo: number
  /** Copies that count, by their records' offsets, in the order of this log. */
  readonly #live = new Map<number, Copy>()
  /** As it was committed before; it is carried on until this log is open. */
  readonly #carried: ParkedNote | undefined
  #from: number
  /** Where the last claim lies that was made and read here. */
  #mark: { readonly at: number; readonly claim: number } | undefined
  #isOpen = false
  /** False while it is not known for certain what is stored. */
  #isSettled = false
  /** How many copies that counted were done with, of what was read since it was opened last, or taken back. */
  #taken = 0
  /** It was told of. */
  #isGone = false
  #writes = 0

  constructor(port: ParkedLogPort, note: ParkedNote | undefined) {
    this.#port = port
    this.#carried = note
    this.#claim = note?.claim ?? 0
    this.#highest = note?.floor ?? 0
    this.#readTo = note?.start ?? 0
    this.#from = this.#readTo
  }

  /** For the commit: what the next owner has to know. Undefined where nothing was ever parked. */
  get note(): ParkedNote | undefined {
    const [claim, count] = [this.#claim, this.count]
    if (claim === 0) return undefined
    if (!this.#isOpen) return { claim, floor: this.#carried?.floor ?? 0, start: this.#from, count }
    for (const { at, floor } of this.#live.values()) return { claim, floor, start: at, count }
    return { claim, floor: this.#highest, start: this.#readTo, count }
  }

  /** How many records are parked. */
  get count(): number {
    return this.#isOpen ? this.#live.size : (this.#carried?.count ?? 0)
  }

  /** True once it is known what is parked. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** True while it is not known for certain what is stored. */
  get isUncertain(): boolean {
    return !this.#isSettled
  }

  has(offset: number): boolean {
    return this.#live.has(offset)
  }

  /** True where the copy of this offset that counts lies at this position. */
  isAt(offset: number, position: number): boolean {
    return this.#live.get(offset)?.at === position
  }

  /** Of the parked records, how many have offsets below this one. */
  below(end: number): number {
    if (!this.#isOpen) return this.count
    let count = 0
    for (const offset of this.#live.keys()) if (offset < end) count++
    return count
  }

  /** Reads what is parked; answers where it lies. Rejects if that is not certain: then it is to be called again. */
  async open(): Promise<{ readonly from: number; readonly to: number }> {
    const isNoted = this.#carried !== undefined
    // Where nothing is noted nobody has written anything since, unless the cluster has forgotten what was noted.
    const bounds = await (isNoted ? this.#port.bounds() : this.#port.firstBounds())
    if (bounds === undefined) {
      if (isNoted) throw noPartition()
      this.#isOpen = true
      this.#isSettled = true
      return { from: 0, to: 0 }
    }
    const { first, next } = bounds
    const { start = first, count = 0 } = this.#carried ?? {}
    const from = start > next ? first : Math.max(start, first)
    this.#live.clear()
    this.#from = from
    this.#readTo = from
    this.#highest = this.#carried?.floor ?? 0
    this.#isSettled = false
    this.#taken = 0
    // An empty one of which nothing is noted is claimed by whoever parks first.
    const isNew = !isNoted && first === next
    if (isNew) this.#isSettled = true
    else await this.settle()
    this.#isOpen = true
    // What counted then counts now, or there is a mark that it is done with. Only who has claimed the partition can tell: another may have gone on.
    this.#tellOfLoss(count - this.#live.size - this.#taken)
    if (!isNew) await this.#port.trim(from).catch(() => {})
    return { from, to: this.#readTo }
  }

  /** Makes it certain what is stored. Rejects if it is not. */
  async settle(): Promise<void> {
    if (this.#isSettled) return
    await this.#claimAnew()
    const open = [...this.#live.keys()].filter((offset) => this.#port.isOpen(offset))
    await this.#putDone(open)
    this.#isSettled = true
  }

  /** Stores copies. Rejects where one is not certain to be stored: then none of these counts. */
  async copy(
    offsets: readonly number[],
    messagesOf: (claim: number) => readonly KafkaMessage[],
  ): Promise<void> {
    await this.#ready()
    this.#isSettled = false
    const failure = await this.#put(messagesOf(this.#claim))
    if (failure === undefined) {
      const copy = { at: this.#readTo, floor: this.#highest }
      for (const offset of offsets) this.#live.set(offset, copy)
      this.#isSettled = true
      return
    }
    // What it was about is to be known again as soon as may be, since acks wait for it.
    await this.settle().catch(() => {})
    throw notStored(failure)
  }

  /** The parked records of these offsets are done with. Rejects if one may come again. */
  async done(offsets: readonly number[]): Promise<void> {
    await this.settle()
    await this.#putDone(offsets)
    if (this.#writes > writesBetweenClaims) await this.#look()
  }

  /** Before the first copy there has to be a claim. */
  async #ready(): Promise<void> {
    if (this.#claim === 0) {
      const bounds = await this.#port.bounds()
      if (bounds === undefined) throw noPartition()
      this.#readTo = bounds.first
      this.#isSettled = false
    }
    await this.settle()
  }

  /** Learns where lies what was stored, so that the broker may remove what lies before. */
  async #look(): Promise<void> {
    const start = this.note?.start ?? 0
    this.#isSettled = false
    await this.settle().catch(() => {})
    // It was committed with the claim.
    if (this.#isSettled) await this.#port.trim(start).catch(() => {})
  }

  /** Commits a higher claim, writes it, and reads up to it. */
  async #claimAnew(): Promise<void> {
    for (let tries = 0; tries < mostClaims; tries++) {
      this.#claim = higherClaim(this.#claim, this.#port)
      // Refused where the partition is somebody else's: so only its owner ever writes the claim.
      await this.#port.noted()
      const failure = await this.#put([claimMessage(this.#claim)])
      if (failure !== undefined) throw notStored(failure)
      const higher = await this.#readOn()
      if (higher === undefined) return
      // Of a group whose commits the cluster has forgotten, under a clock that was ahead.
      this.#claim = higher
    }
    throw new WalError('ERR_IO', 'Its claims are always lower than others that are there.', {
      retryable: true,
    })
  }

  /** Answers a claim that is higher than this one, if there is any. */
  async #readOn(): Promise<number | undefined> {
    const { first = 0, next = 0 } = (await this.#port.bounds()) ?? {}
    const missing = await this.#movedFrom(first, next)
    // What lies before was removed: to ask for it would be to ask for ever.
    this.#readTo = Math.max(this.#readTo, first)
    let isThere = false
    let higher: number | undefined
    await this.#port.read(this.#readTo, next, (entries) => {
      for (const entry of entries) {
        const fact = parkedFactOf(entry)
        if (fact?.kind === 'claim' && fact.claim === this.#claim) {
          isThere = true
          this.#mark = { at: entry.offset, claim: fact.claim }
        }
        if (fact?.kind === 'claim' && fact.claim > this.#claim) higher = fact.claim
        if (fact !== undefined) this.#learn(fact, entry.offset)
        this.#readTo = Math.max(this.#readTo, entry.offset + 1)
      }
    })
    if (!isThere) throw notThereYet()
    this.#readTo = Math.max(this.#readTo, next)
    this.#writes = 0
    const gone = [...this.#live.values()].filter((copy) => copy.at < first || missing.has(copy))
    this.#tellOfLoss(gone.length)
    return higher
  }

  /**
   * Where the last claim that was read is not where it was, nothing is: the topic was made anew, or has lost its end.
   * Then all of it is read again; what is not found there is still handed out here, and done with. Answers those.
   */
  async #movedFrom(first: number, next: number): Promise<ReadonlySet<Copy>> {
    // It was trimmed.
    if (this.#mark === undefined || this.#mark.at < first) return new Set()
    const { at, claim } = this.#mark
    if (at < next && (await this.#isThere(claim, at, at + 1))) return new Set()
    // An end from before the present claim tells nothing: that is stored.
    if (at >= next && !(await this.#isThere(this.#claim, first, next))) throw notThereYet()
    this.#mark = undefined
    this.#readTo = first
    for (const { floor } of this.#live.values()) {
      this.#highest = floor
      break
    }
    for (const offset of this.#live.keys()) {
      this.#live.set(offset, { at: first, floor: this.#highest })
    }
    return new Set(this.#live.values())
  }

  async #isThere(claim: number, from: number, to: number): Promise<boolean> {
    let isThere = false
    await this.#port.read(from, to, (entries) => {
      const facts = entries.map(parkedFactOf)
      isThere ||= facts.some((fact) => fact?.kind === 'claim' && fact.claim === claim)
    })
    return isThere
  }

  #tellOfLoss(mostRecords: number): void {
    if (mostRecords <= 0 || this.#isGone) return
    this.#isGone = true
    this.#port.gone(mostRecords)
  }

  #learn(fact: ParkedFact, at: number): void {
    if (fact.kind === 'claim') this.#highest = Math.max(this.#highest, fact.claim)
    // Whoever wrote it had lost the partition by then.
    if (fact.claim < this.#highest) return
    if (fact.kind === 'done') for (const offset of fact.offsets) this.#take(offset)
    if (fact.kind !== 'copy') return
    const { offset } = fact.entry
    // It stands in the order of the log.
    this.#live.delete(offset)
    this.#live.set(offset, { at, floor: this.#highest })
  }

  async #putDone(offsets: readonly number[]): Promise<void> {
    for (let from = 0; from < offsets.length; from += mostOffsets) {
      const lot = offsets.slice(from, from + mostOffsets)
      const failure = await this.#put([doneMessage(this.#claim, lot)])
      if (failure !== undefined) throw notStored(failure)
      for (const offset of lot) this.#take(offset)
    }
  }

  #take(offset: number): void {
    if (this.#live.delete(offset)) this.#taken++
  }

  async #put(messages: readonly KafkaMessage[]): Promise<SendOutcome | undefined> {
    this.#writes += messages.length
    const outcomes = await this.#port.put(messages)
    return outcomes.find(({ durable }) => durable !== 'yes')
  }
}

function notStored({ error }: SendOutcome): WalError {
  const reason = error?.message ?? 'no answer came'
  return new WalError('ERR_IO', `Not known to be stored: ${reason}`, {
    retryable: true,
    cause: error,
  })
}

function notThereYet(): WalError {
  return new WalError('ERR_IO', 'Its own claim is not to be read yet.', { retryable: true })
}

function noPartition(): WalError {
  return new WalError(
    'ERR_CONFIG',
    'It has no partition of that number: add partitions, as many as the topic has.',
  )
}

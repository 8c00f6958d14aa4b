import type { Clock } from '../clock.ts'
import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { WalErrorCode } from '../errors.ts'
import type { StoredRecord } from '../record.ts'
import type { TransactionSource } from '../transaction/transaction-source.ts'
import type { Alarms } from './alarms.ts'
import type { Blockers } from './blockers.ts'
import type { Endings } from './endings.ts'
import type { FailureRun } from './failure-run.ts'
import type { Lanes } from './lanes.ts'
import type { DeliveryPolicy } from './policy.ts'
import type { Room } from './puller.ts'
import { type Start, StartOfQueue } from './start-of-queue.ts'
import type { MutableCounters } from './status.ts'
import type { TakeLimits } from './take-limits.ts'
import type { UnsyncedAcks } from './unsynced-acks.ts'

export interface IntakeOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly policy: DeliveryPolicy
  readonly clock: Clock
  readonly alarms: Alarms
  readonly limits: TakeLimits
  readonly lanes: Lanes
  readonly blockers: Blockers
  readonly run: FailureRun
  readonly endings: Endings
  readonly counters: MutableCounters
  readonly transactions?: TransactionSource | undefined
  readonly unsyncedAcks?: UnsyncedAcks | undefined
  readonly concerns?: ((record: StoredRecord) => boolean) | undefined
  readonly passedOver?: ((target: string, isPart?: boolean) => void) | undefined
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** Fewest records kept ready, so that small batches do not mean a pull for each. */
const leastPrefetch = 256

/** Without `beginAttempts`: hand-outs after which an untried record is suspected of killing processes. */
const manyHandOuts = 20

/** Decides how much is pulled, and takes what comes into the lanes. */
export class Intake {
  readonly #options: IntakeOptions
  /** Records to keep ready: what may be applied at once, and as many again. */
  readonly #prefetch: number
  #isFull = false
  /** It has been told that records which the target puts off are half of what may be held, or all. */
  #toldHalf = false
  #toldFull = false
  readonly #start: StartOfQueue

  constructor(options: IntakeOptions) {
    const { limits, policy, lanes } = options
    this.#options = options
    this.#prefetch = Math.max(leastPrefetch, 2 * limits.maxRecords * policy.concurrency)
    this.#start = new StartOfQueue({
      ...options,
      isQuiet: () => lanes.outRecords === 0 && lanes.readyRecords === 0,
      countHere: (covers) => this.#countHere(covers),
      onRead: () => options.blockers.notFound(options.blockers.doubtful()),
    })
  }

  /** True while nothing is pulled because what is held, or its bytes, reached the bound. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Records in memory that wait for something. */
  get heldRecords(): number {
    const { lanes, endings, run } = this.#options
    return lanes.heldRecords + endings.parked + run.suspectRecords
  }

  /** True while those that wait are half of what may be held, or the bytes of those put off are. */
  get isHalfHeld(): boolean {
    const { lanes, policy } = this.#options
    const { maxRecords, maxBytes } = policy.held
    return this.heldRecords * 2 >= maxRecords || lanes.putOff.bytes * 2 >= maxBytes
  }

  /** What was there when delivery began. */
  begin(start: Start): void {
    this.#start.begin(start)
  }

  /** Records ended, and none is under way. */
  changed(): void {
    this.#start.changed()
  }

  /** What may be pulled now; undefined for nothing. */
  room(): Room | undefined {
    const { policy, lanes, endings } = this.#options
    const ready = lanes.readyRecords
    const records = policy.held.maxRecords - this.heldRecords - endings.unacked
    const bytes = policy.held.maxBytes - lanes.residentBytes
    const isBound = !this.#mustReadOn()
    this.#isFull = isBound && (records <= 0 || bytes <= 0)
    this.#tellIfFull()
    if (this.#isFull || ready * 2 > this.#prefetch) return undefined
    const room = this.#prefetch - ready
    if (isBound) return { maxRecords: Math.min(room, records), maxBytes: bytes }
    return { maxRecords: room, maxBytes: Math.max(bytes, policy.batch.maxBytes) }
  }

  accept(deliveries: readonly Delivery[]): void {
    const { endings, unsyncedAcks } = this.#options
    const done: Delivery[] = []
    for (const delivery of deliveries) {
      const isElsewhere = this.#isElsewhere(delivery)
      const isDead = this.#isDead(delivery)
      // Were this ack lost, it would come again, and its letter may have been discarded by then.
      if (isDead) unsyncedAcks?.ended(delivery, 'dead')
      if (isDead || isElsewhere) done.push(delivery)
      else this.#admit(delivery)
    }
    endings.skip(done)
  }

  /** A target of whose hosts or indices one is down goes on with the others, until here it does not. */
  #tellIfFull(): void {
    const { policy, lanes } = this.#options
    const { records, bytes } = lanes.putOff
    const { maxRecords, maxBytes } = policy.held
    const held = this.heldRecords
    if (held * 4 < maxRecords && bytes * 4 < maxBytes) this.#toldHalf = false
    if (held * 2 < maxRecords && lanes.residentBytes * 2 < maxBytes) this.#toldFull = false
    if (records === 0) return
    const isHalf = records * 2 >= maxRecords || bytes * 2 >= maxBytes
    if (this.#isFull) {
      // Where most of what is in memory goes to the target now, there is room again in a moment.
      const stands = held >= maxRecords || held * 2 > lanes.queuedRecords + lanes.outRecords
      if (stands && !this.#toldFull) this.#tellFull(held)
    } else if (isHalf && !this.#toldHalf && policy.parksHeld !== true) this.#tellHalf()
  }

  #tellFull(held: number): void {
    const { lanes, report } = this.#options
    this.#toldFull = true
    const what =
      `${held} records wait in memory, with ${lanes.residentBytes} bytes; ${this.#putOff()}. ${this.#bounds()}. ` +
      'Nothing more is delivered to it, whatever it is for, before some of them have been applied'
    report('ERR_OVERLOADED', what, undefined)
  }

  /** In time for a person to act. */
  #tellHalf(): void {
    this.#toldHalf = true
    const what =
      `${this.#putOff()}. ${this.#bounds()}: once as much waits, nothing more is delivered to it. ` +
      'Bring back what is away, or set limits.heldFor'
    this.#options.report('ERR_OVERLOADED', what, undefined)
  }

  #bounds(): string {
    const { maxRecords, maxBytes } = this.#options.policy.held
    return `limits.heldRecords is ${maxRecords}, limits.heldBytes ${maxBytes}`
  }

  #putOff(): string {
    const { putOff } = this.#options.lanes
    const parts = putOff.parts()
    const named = parts.slice(0, 3).map(({ part, code, records, since }) => {
      return `${records} by ${part} (${code}, since ${new Date(since).toISOString()})`
    })
    const more = parts.length > named.length ? ', and others' : ''
    const size = `${putOff.records} records, with ${putOff.bytes} bytes in memory,`
    return `${size} are put off by the target: ${named.join(', ')}${more}`
  }

  #isDead(delivery: Delivery): boolean {
    return this.#start.isDead(delivery) || this.#options.blockers.isDead(delivery.record)
  }

  #isElsewhere({ record, unreadable }: Delivery): boolean {
    const { targetName, transactions, concerns, passedOver } = this.#options
    const { target, transaction } = record
    if (target !== undefined && target !== targetName) {
      passedOver?.(target)
      return true
    }
    if (concerns?.(record) === false) return true
    if (transaction === undefined || unreadable !== undefined || !transactions) return false
    for (const name of transactions.targetsOf(record)) passedOver?.(name, true)
    return transactions.keysOf(record, targetName) === undefined
  }

  /** A redriven copy stands behind any number of records that wait for it, and only pulling brings it. */
  #mustReadOn(): boolean {
    const { blockers, consumer } = this.#options
    return consumer.pullAhead === undefined && (blockers.expects || blockers.mayExpect)
  }

  #countHere(covers: (delivery: Delivery) => boolean): number {
    const { lanes } = this.#options
    let count = lanes.outRecords
    for (const { delivery } of lanes.entries()) if (covers(delivery)) count++
    return count
  }

  #admit(delivery: Delivery): void {
    const { counters, consumer, lanes, endings, policy } = this.#options
    const { spent, interrupted, notBefore } = delivery.attempts
    const handOuts = delivery.handOuts ?? 1
    if (spent > 0 || interrupted > 0 || notBefore > 0 || handOuts > 1) counters.redelivered++
    const entry = lanes.accept(delivery)
    entry.alone = interrupted > 1 || (interrupted > 0 && spent + 1 >= policy.retry.maxAttempts)
    const isUncounted = consumer.beginAttempts === undefined && spent === 0
    if (isUncounted && handOuts > manyHandOuts) entry.alone = true
    if (delivery.record.transaction !== undefined) entry.alone = true
    endings.watch(entry)
  }
}

import { within } from '../clock.ts'
import type { Delivery } from '../consumer/consumer.ts'
import type { StoredDeadLetter } from '../dlq/dlq.ts'
import { reasonOf } from '../error-text.ts'
import { isWalError, WalError, type WalErrorCode } from '../errors.ts'
import type { StoredRecord } from '../record.ts'
import { Alarms } from './alarms.ts'
import { Applier } from './applier.ts'
import { Blockers, type CopyState } from './blockers.ts'
import { Breather } from './breather.ts'
import { CatchUp } from './catch-up.ts'
import { CopySearch } from './copy-search.ts'
import { type DeliveryEvents, guardEvents } from './delivery-events.ts'
import type { StopOptions, TargetDeliveryOptions } from './delivery-options.ts'
import { Dispatcher } from './dispatcher.ts'
import {
  Drain,
  type DrainReport,
  type DrainTargetOptions,
  type Fate,
  type Survey,
} from './drain.ts'
import { Endings } from './endings.ts'
import type { Entry } from './entry.ts'
import { FailureRun } from './failure-run.ts'
import { Gate } from './gate.ts'
import { Intake } from './intake.ts'
import { Judge } from './judge.ts'
import { Lanes } from './lanes.ts'
import { Puller, type Room } from './puller.ts'
import { RateLimit } from './rate-limit.ts'
import { fullJitterMs } from './retry-policy.ts'
import { Settler } from './settler.ts'
import { lagOf, newCounters, type TargetStatus } from './status.ts'
import { takeLimitsOf } from './take-limits.ts'
import { UnsyncedAcks } from './unsynced-acks.ts'

/** What aborted applies and the last acks and releases may take together after the deadline of a stop, in ms. */
const afterDeadlineMs = 1000
/** What each of them is given of it where the others have taken all, in ms. */
const leastMs = 250

/** Waits between tries of a queue that fails, in ms. */
const queueBackoff = { minDelayMs: 100, maxDelayMs: 30_000 }

/**
 * Delivers the records of one queue to one target. What is pulled is kept in lanes, one per key; the
 * dispatcher takes batches from the lanes that are ready; the applier brings a batch to the target;
 * the settler has its records judged; what failed goes back into its lane, and what is over is
 * brought to its end. Everything happens in answer to something (a pull, an apply, an alarm), and
 * ends with a look at what may begin next.
 */
export class TargetDelivery {
  readonly #options: TargetDeliveryOptions
  readonly #events: DeliveryEvents
  readonly #counters = newCounters()
  readonly #alarms: Alarms
  readonly #blockers: Blockers
  readonly #lanes: Lanes
  readonly #gate: Gate
  readonly #run: FailureRun
  readonly #endings: Endings
  readonly #settler: Settler
  readonly #dispatcher: Dispatcher
  readonly #intake: Intake
  readonly #puller: Puller
  readonly #search: CopySearch
  readonly #catchUp: CatchUp | undefined
  /** Aborts what is under way. */
  readonly #giveUp = new AbortController()
  readonly #drains = new Set<Drain>()
  #stopping: Promise<void> | undefined
  /** Everything was given back. */
  #released = false

  constructor(options: TargetDeliveryOptions) {
    const { target, consumer, policy, clock } = options
    const breather = new Breather(clock)
    const limits = takeLimitsOf(target, policy)
    this.#options = options
    this.#events = guardEvents(options.events)
    this.#alarms = new Alarms(clock)
    this.#blockers = new Blockers(policy.onDeadLetter)
    this.#run = new FailureRun(policy.breaker.failures)
    this.#catchUp = policy.catchUp && new CatchUp(policy.catchUp, clock)
    const keysOf = (record: StoredRecord) =>
      record.transaction && options.transactions?.keysOf(record, options.targetName)
    // What the parts share; each takes of it what it needs.
    const shared = {
      ...options,
      events: this.#events,
      alarms: this.#alarms,
      breather,
      blockers: this.#blockers,
      counters: this.#counters,
      run: this.#run,
      unsyncedAcks: options.transactions && new UnsyncedAcks(),
      rate: policy.rateLimit && new RateLimit(policy.rateLimit, clock),
      catchUp: this.#catchUp,
      isFull: () => this.#intake.isFull,
      backoffMs: (failures: number) => fullJitterMs(queueBackoff, failures, options.random),
      report: (code: WalErrorCode, what: string, cause: unknown) => this.#report(code, what, cause),
    }
    this.#lanes = new Lanes({
      ...shared,
      ordered: policy.order === 'key',
      appliesInOrder: limits.appliesInOrder,
      lingers: policy.batch.lingerMs > 0,
      canReload: consumer.reload !== undefined,
      maxBytes: policy.held.maxBytes,
      keysOf: (record) => keysOf(record),
      onReady: () => this.#pump(),
    })
    this.#gate = new Gate({ ...shared, stop: this.#giveUp.signal, onOpened: () => this.#pump() })
    this.#endings = new Endings({
      ...shared,
      lanes: this.#lanes,
      onEnded: (delivery, fate) => this.#countForDrains(delivery, fate),
      onChange: () => this.#pump(),
    })
    const judge = new Judge({
      ...{ ...shared, gate: this.#gate },
      isHalfHeld: () => this.#intake.isHalfHeld,
    })
    this.#settler = new Settler({ ...shared, judge, lanes: this.#lanes, endings: this.#endings })
    const applier = new Applier({
      ...shared,
      limits,
      acked: () => this.#endings.flush(),
      unacked: () => this.#endings.unacked,
      lanes: this.#lanes,
      gate: this.#gate,
      settler: this.#settler,
      stop: this.#giveUp.signal,
    })
    this.#dispatcher = new Dispatcher({
      ...shared,
      limits,
      lanes: this.#lanes,
      gate: this.#gate,
      applier,
      onPumped: () => this.#afterPump(),
    })
    this.#intake = new Intake({ ...shared, limits, lanes: this.#lanes, endings: this.#endings })
    this.#puller = new Puller({
      ...shared,
      ...{ room: () => this.#room(), learn: (signal) => this.#endings.learn(signal) },
      accept: (deliveries) => this.#accept(deliveries),
    })
    this.#search = new CopySearch({
      ...shared,
      accept: (deliveries) => this.#accept(deliveries),
    })
  }

  /** Begins to deliver. Rejects if the dead letters that block keys, or the queue's end, cannot be read. */
  async start(): Promise<void> {
    const { consumer, deadLetters, policy, targetName } = this.#options
    const letters = new Map<string, bigint>()
    const isWhole = deadLetters?.supports?.listing !== false
    for await (const summary of isWhole ? (deadLetters?.summaries() ?? []) : []) {
      if (summary.target !== targetName) continue
      letters.set(summary.id, summary.version)
      if (policy.onDeadLetter === 'block') this.#blockers.addSummary(summary)
    }
    if (letters.size > 0) {
      const end = await consumer.watermark({ includeDelayed: true })
      const due = await consumer.watermark({ includeDelayed: false })
      this.#intake.begin({ end, due, letters })
    }
    if (this.#stopping === undefined) this.#puller.start()
  }

  /**
   * Begins no more batches, lets those under way finish until the deadline, then aborts them. What
   * is left is released, and acks are handed to the queue. A second call waits for the first.
   */
  stop({ deadlineMs }: StopOptions): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    return this.#stopping
  }

  /**
   * Waits until the records that are in the queue now are settled, or only those are left that wait
   * behind a dead letter. An outage is waited out: give a time-out or a signal.
   */
  async drain(options: DrainTargetOptions): Promise<DrainReport> {
    const { includeDelayed } = options
    const drain = new Drain({
      ...options,
      alarms: this.#alarms,
      survey: (covers) => this.#survey(covers),
    })
    this.#drains.add(drain)
    try {
      drain.begin(await this.#options.consumer.watermark({ includeDelayed }))
      if (this.#stopping !== undefined) drain.giveUp()
      return await drain.report
    } finally {
      this.#drains.delete(drain)
    }
  }

  async status(): Promise<TargetStatus> {
    const backlog = await this.#options.consumer.backlog()
    return {
      ...this.#counters,
      pending: backlog.pending,
      delayed: backlog.delayed,
      inFlight: this.#inFlight(),
      held: this.#intake.heldRecords,
      heldParts: this.#lanes.putOff.parts(),
      full: this.#intake.isFull,
      lagMs: lagOf(backlog, this.#options.clock.now()),
      blockedKeys: this.#blockers.size,
      breaker: this.#gate.breaker,
      // Probes of one that is away do not count.
      isCatchingUp:
        backlog.pending > 0 && this.#gate.breaker === 'closed' && !!this.#catchUp?.isBounding,
      pausedUntil: this.#gate.pausedUntil,
    }
  }

  /**
   * A copy of the letter's record, one attempt epoch higher and for this target, is in the queue; or
   * may be, where that could not be made certain.
   */
  expectRedriven(letter: StoredDeadLetter, isCertain = true): void {
    if (isCertain) this.#blockers.expect(letter.record)
    else this.#blockers.mayCome(letter.record)
    this.#puller.poke()
    this.#search.changed()
  }

  /**
   * Whether a copy of the record of a letter that holds its key is on its way. Looks through the
   * queue where that is not known: `perhaps` remains only where it could not be.
   */
  async copyOf(letter: StoredDeadLetter): Promise<CopyState> {
    if (this.#blockers.stateOf(letter.record) === 'perhaps') await this.#search.run()
    const isEnding = this.#endings.isRemoving(letter.id)
    return isEnding ? 'underWay' : this.#blockers.stateOf(letter.record)
  }

  /** The letter was removed, and its record will not come again. */
  letterDiscarded(letter: StoredDeadLetter): void {
    const { record } = letter
    if (this.#blockers.remove(record) && record.key !== undefined)
      this.#lanes.refreshKey(record.key)
    this.#pump()
  }

  #room(): Room | undefined {
    if (this.#stopping !== undefined) return undefined
    const room = this.#intake.room()
    if (room === undefined) this.#search.changed()
    return room
  }

  #accept(deliveries: readonly Delivery[]): void {
    if (this.#released) void this.#endings.refuse(deliveries)
    else this.#intake.accept(deliveries)
    this.#pump()
  }

  #pump(): void {
    this.#dispatcher.pump()
  }

  #afterPump(): void {
    // Those that wait out a backoff may tell, but for those that were put off since there is somebody to judge.
    const { readyRecords, inBackoff, putOff } = this.#lanes
    const canTell = readyRecords > 0 || inBackoff > putOff.asked
    if (this.#dispatcher.isIdle && !canTell && this.#run.suspectRecords > 0) this.#settler.decide()
    this.#puller.poke()
    if (this.#endings.unacked > 0) return
    const isQuiet = this.#lanes.outRecords === 0 && this.#lanes.readyRecords === 0
    if (isQuiet) this.#intake.changed()
    for (const drain of this.#drains) drain.changed(isQuiet)
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#options
    this.#dispatcher.stop()
    for (const drain of this.#drains) drain.giveUp()
    await within(clock, deadlineMs, this.#finished())
    this.#giveUp.abort()
    const until = clock.monotonic() + afterDeadlineMs
    const leftMs = () => Math.max(leastMs, until - clock.monotonic())
    await within(clock, leftMs(), this.#dispatcher.idle())
    this.#released = true
    this.#alarms.close()
    const left = this.#takeAll()
    await within(clock, leftMs(), this.#endings.release(left))
    await within(clock, leftMs(), this.#endings.flush())
  }

  /** Everything that is under way has come to its end. */
  async #finished(): Promise<void> {
    await this.#puller.stop()
    await this.#search.stop()
    await this.#dispatcher.idle()
    await this.#endings.parkingIdle()
    await this.#endings.flush()
  }

  /** Every record that has not ended; none of them counts any more. */
  #takeAll(): readonly Entry[] {
    const out = [
      ...this.#dispatcher.entries(),
      ...this.#endings.parkedEntries(),
      ...this.#run.acquit(),
    ].filter(({ state }) => state === 'out')
    return this.#lanes.clear([...new Set(out)])
  }

  #inFlight(): number {
    return this.#lanes.outRecords - this.#endings.parked - this.#run.suspectRecords
  }

  #countForDrains(delivery: Delivery, fate: Fate): void {
    for (const drain of this.#drains) drain.count(delivery, fate)
  }

  #survey(covers: (delivery: Delivery) => boolean): Survey {
    let blocked = 0
    let others = 0
    for (const entry of this.#lanes.entries()) {
      if (!covers(entry.delivery)) continue
      if (this.#lanes.isBlocked(entry.lane) && entry.lane.head?.redriven !== true) blocked++
      else others++
    }
    const busy = this.#lanes.outRecords + this.#lanes.readyRecords + this.#endings.unacked
    return {
      blocked,
      others: others + this.#lanes.outRecords,
      isQuiet: busy === 0 && !this.#search.isNeeded && !this.#puller.backsOff,
      isTidying: this.#endings.isRemovingAny,
      isFull: this.#intake.isFull,
    }
  }

  #report(code: WalErrorCode, what: string, cause: unknown): void {
    const { namespace, targetName } = this.#options
    const why = cause === undefined ? '' : `: ${reasonOf(cause)}`
    const message = `Namespace '${namespace}', target '${targetName}': ${what}${why}`
    const known = isWalError(cause) ? cause.code : code
    this.#events.error(new WalError(known, message, { cause, retryable: true }))
  }
}

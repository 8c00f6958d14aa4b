import { type Clock, sleep } from '../clock.ts'
import type { Consumer, Delivery } from '../consumer/consumer.ts'
import type { DeadLetterQueue, StoredDeadLetter } from '../dlq/dlq.ts'
import { WalError, type WalErrorCode } from '../errors.ts'
import type { Random } from '../random.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import type { Target } from '../target/target.ts'
import { Alarms } from './alarms.ts'
import { Applier } from './applier.ts'
import type { Batch } from './batch.ts'
import { Blockers } from './blockers.ts'
import { Breather } from './breather.ts'
import type { BudgetShare, DeliveryBudget } from './budget.ts'
import { type DeliveryEvents, guardEvents } from './delivery-events.ts'
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
import { Lanes, type TakeLimits } from './lanes.ts'
import type { DeliveryPolicy } from './policy.ts'
import { Puller, type Room } from './puller.ts'
import { RateLimit } from './rate-limit.ts'
import { fullJitterMs } from './retry-policy.ts'
import { Settler } from './settler.ts'
import { newCounters, type TargetStatus } from './status.ts'

/** What the delivery to one target works with. */
export interface TargetDeliveryOptions {
  readonly namespace: string
  readonly targetName: string
  readonly target: Target<unknown>
  /** Used by this delivery alone; whoever opened it closes it, after `stop`. */
  readonly consumer: Consumer
  /** Undefined for `deadLetters: 'off'`: what cannot be applied is dropped with a `lost` event. */
  readonly deadLetters: DeadLetterQueue | undefined
  /** Decodes the payload. What it throws makes the record a dead letter (ERR_UNDECODABLE). */
  decode(record: StoredRecord): WalRecord
  readonly policy: DeliveryPolicy
  /** Shared by the targets of a shard. */
  readonly budget: DeliveryBudget
  readonly clock: Clock
  readonly random: Random
  readonly events: DeliveryEvents
}

/** How long a stop lets a delivery finish. */
export interface StopOptions {
  /** Time for what is being applied to finish, in ms; then it is aborted. */
  readonly deadlineMs: number
}

/** Fewest records kept ready, so that small batches do not mean a pull for each. */
const leastPrefetch = 256

/** What an aborted apply, a last ack or release may take after the deadline of a stop, in ms. */
const afterDeadlineMs = 1000

/** Without `beginAttempts`: hand-outs after which an untried record is suspected of killing processes. */
const manyHandOuts = 20

/**
 * Delivers the records of one queue to one target. It pulls, keeps each key's records in a lane,
 * takes a batch from the heads of the lanes that are ready, and has it applied and settled; what
 * fails goes back into its lane. Everything happens in answer to something: a pull, an apply, an
 * alarm. `#pump` then looks what may go next.
 */
export class TargetDelivery {
  readonly #options: TargetDeliveryOptions
  readonly #events: DeliveryEvents
  readonly #counters = newCounters()
  readonly #alarms: Alarms
  readonly #breather: Breather
  readonly #blockers: Blockers
  readonly #lanes: Lanes
  readonly #gate: Gate
  readonly #run: FailureRun
  readonly #rate: RateLimit | undefined
  readonly #budget: BudgetShare
  readonly #endings: Endings
  readonly #settler: Settler
  readonly #applier: Applier
  readonly #puller: Puller
  readonly #limits: TakeLimits
  readonly #prefetch: number
  readonly #giveUp = new AbortController()
  readonly #batches = new Set<Batch>()
  readonly #drains = new Set<Drain>()
  #idlers: (() => void)[] = []
  /** One alarm at a time makes the pump look again: for linger, or the rate limit. */
  #pumpAlarmed = false
  #pumping = false
  #full = false
  #stopping: Promise<void> | undefined
  #released = false

  constructor(options: TargetDeliveryOptions) {
    const { target, targetName, consumer, policy, clock, random } = options
    this.#options = options
    this.#events = guardEvents(options.events)
    this.#alarms = new Alarms(clock)
    this.#breather = new Breather(clock)
    this.#blockers = new Blockers(policy.onDeadLetter)
    this.#limits = limitsOf(target, policy)
    this.#prefetch = Math.max(leastPrefetch, 2 * this.#limits.maxRecords * policy.concurrency)
    this.#run = new FailureRun(policy.breaker.failures)
    this.#rate = policy.rateLimit && new RateLimit(policy.rateLimit, clock)
    this.#budget = options.budget.share(() => this.#pump())
    const alarms = this.#alarms
    const backoffMs = (failures: number): number => fullJitterMs(queueBackoff, failures, random)
    this.#lanes = new Lanes({
      ordered: policy.order === 'key',
      appliesInOrder: this.#limits.appliesInOrder,
      lingers: policy.batch.lingerMs > 0,
      canReload: consumer.reload !== undefined,
      maxBytes: policy.held.maxBytes,
      blockers: this.#blockers,
      alarms,
      clock,
      onReady: () => this.#pump(),
    })
    this.#gate = new Gate({
      target,
      policy,
      alarms,
      clock,
      random,
      events: this.#events,
      onOpened: () => this.#pump(),
    })
    this.#endings = new Endings({
      ...options,
      alarms,
      lanes: this.#lanes,
      blockers: this.#blockers,
      counters: this.#counters,
      events: this.#events,
      backoffMs,
      onEnded: (delivery, fate) => this.#countForDrains(delivery, fate),
      onChange: () => this.#pump(),
      report: (code, what, cause) => this.#report(code, what, cause),
    })
    this.#settler = new Settler({
      targetName,
      consumer,
      policy,
      clock,
      random,
      lanes: this.#lanes,
      gate: this.#gate,
      run: this.#run,
      counters: this.#counters,
      events: this.#events,
      endings: this.#endings,
      onQueueError: (what, error) => this.#report('ERR_IO', `The queue ${what}`, error),
    })
    this.#applier = new Applier({
      ...options,
      lanes: this.#lanes,
      gate: this.#gate,
      settler: this.#settler,
      stop: this.#giveUp.signal,
      onError: (error) => this.#events.error(error),
      queueBackoffMs: () => Math.max(10, backoffMs(3)),
    })
    this.#puller = new Puller({
      consumer,
      alarms,
      breather: this.#breather,
      room: () => this.#room(),
      accept: (deliveries) => this.#accept(deliveries),
      backoffMs,
      onError: (error) => this.#report('ERR_IO', 'A pull failed and is tried again', error),
    })
  }

  /** Begins to deliver. Rejects if the dead letters that block keys cannot be read. */
  async start(): Promise<void> {
    const { deadLetters, policy, targetName } = this.#options
    if (deadLetters !== undefined && policy.onDeadLetter === 'block') {
      for await (const summary of deadLetters.summaries()) {
        if (summary.target === targetName) this.#blockers.addSummary(summary)
      }
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
    const { pending, delayed, oldestWrittenAt } = await this.#options.consumer.backlog()
    const now = this.#options.clock.now()
    const unknownLag = pending > 0 ? undefined : 0
    return {
      ...this.#counters,
      pending,
      delayed,
      inFlight: this.#inFlight(),
      held: this.#heldRecords(),
      full: this.#full,
      lagMs: oldestWrittenAt === undefined ? unknownLag : Math.max(0, now - oldestWrittenAt),
      blockedKeys: this.#blockers.size,
      breaker: this.#gate.breaker,
      pausedUntil: this.#gate.pausedUntil,
    }
  }

  /** The letter's record is about to come again, one attempt epoch higher, for this target. */
  expectRedriven(letter: StoredDeadLetter): void {
    this.#blockers.expect(letter.record)
    this.#puller.poke()
  }

  /** The letter was removed, and its record will not come again. */
  letterDiscarded(letter: StoredDeadLetter): void {
    const { record } = letter
    if (this.#blockers.remove(record) && record.key !== undefined)
      this.#lanes.refreshKey(record.key)
    this.#pump()
  }

  #room(): Room | undefined {
    const { policy } = this.#options
    const ready = this.#lanes.readyRecords
    const expects = this.#blockers.expects
    const records = policy.held.maxRecords - this.#heldRecords() - this.#endings.unacked
    const bytes = policy.held.maxBytes - this.#lanes.residentBytes
    this.#full = (records <= 0 || bytes <= 0) && !expects
    if (this.#full || ready * 2 > this.#prefetch || this.#stopping !== undefined) return undefined
    const room = this.#prefetch - ready
    return {
      maxRecords: expects ? room : Math.min(room, records),
      maxBytes: expects ? Math.max(bytes, policy.batch.maxBytes) : bytes,
    }
  }

  #accept(deliveries: readonly Delivery[]): void {
    if (this.#released) return void this.#endings.refuse(deliveries)
    const elsewhere: Delivery[] = []
    for (const delivery of deliveries) {
      const { target } = delivery.record
      if (target !== undefined && target !== this.#options.targetName) elsewhere.push(delivery)
      else this.#admit(delivery)
    }
    this.#endings.skip(elsewhere)
    this.#pump()
  }

  #admit(delivery: Delivery): void {
    const { spent, interrupted, notBefore } = delivery.attempts
    const handOuts = delivery.handOuts ?? 1
    if (spent > 0 || interrupted > 0 || notBefore > 0 || handOuts > 1) this.#counters.redelivered++
    const entry = this.#lanes.accept(delivery)
    if (
      handOuts > manyHandOuts &&
      spent === 0 &&
      this.#options.consumer.beginAttempts === undefined
    ) {
      entry.alone = true
    }
    if (delivery.lease !== undefined) this.#endings.watch(entry)
  }

  /** Begins whatever may begin. Called after every change. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    while (this.#beginBatch());
    this.#pumping = false
    if (
      this.#run.suspectRecords > 0 &&
      this.#batches.size === 0 &&
      this.#lanes.readyRecords === 0
    ) {
      this.#settler.convict()
    }
    this.#puller.poke()
    this.#tellIdlers()
  }

  /** Begins one batch; false if none may begin now. */
  #beginBatch(): boolean {
    const { policy } = this.#options
    const { admission } = this.#gate
    const ready = this.#lanes.readyRecords
    const isFree = this.#stopping === undefined && this.#batches.size < policy.concurrency
    if (!isFree || ready === 0 || admission === 'none') return this.#wantNothing()
    const isProbe = admission === 'probe'
    const wanted = isProbe ? 1 : Math.min(ready, this.#limits.maxRecords)
    if (!isProbe && this.#lingers(wanted)) return this.#wantNothing()
    const allowed = this.#rate?.allowed(wanted) ?? wanted
    if (allowed === 0) return this.#comeBack(this.#rate?.waitMs(wanted) ?? 0)
    const limits = { ...this.#limits, maxRecords: allowed }
    const bytes = this.#lanes.measure(limits)
    if (!this.#budget.take(bytes)) return false
    const entries = isProbe ? this.#lanes.takeProbe() : this.#lanes.take(limits)
    this.#rate?.spend(entries.length)
    if (isProbe) this.#gate.probeStarted()
    const { generation } = this.#gate
    void this.#apply(
      { entries, generation, probe: isProbe, heldLanes: new Set(), failedLanes: new Set() },
      bytes,
    )
    return true
  }

  /** A batch that is not full waits for more records, but not for ever. */
  #lingers(wanted: number): boolean {
    const { policy, clock } = this.#options
    const { lingerMs } = policy.batch
    if (lingerMs === 0 || wanted >= this.#limits.maxRecords) return false
    const first = this.#lanes.firstReady
    if (first === undefined || first.head === undefined || first.head.spent > 0) return false
    if (this.#lanes.measure(this.#limits) >= this.#limits.maxBytes) return false
    const leftMs = first.readySince + lingerMs - clock.monotonic()
    if (leftMs > 0) this.#comeBack(leftMs)
    return leftMs > 0
  }

  #comeBack(delayMs: number): false {
    if (!this.#pumpAlarmed) {
      this.#pumpAlarmed = true
      this.#alarms.set(Math.max(1, delayMs), () => {
        this.#pumpAlarmed = false
        this.#pump()
      })
    }
    return this.#wantNothing()
  }

  #wantNothing(): false {
    this.#budget.leaveLine()
    return false
  }

  async #apply(batch: Batch, bytes: number): Promise<void> {
    this.#batches.add(batch)
    try {
      await this.#breather.breathe()
      await this.#applier.run(batch)
    } catch (error) {
      this.#report('ERR_IO', 'A batch could not be settled', error)
    } finally {
      this.#batches.delete(batch)
      this.#budget.give(bytes)
      if (batch.probe) this.#gate.probeEnded(batch.generation)
      this.#pump()
    }
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { clock } = this.#options
    for (const drain of this.#drains) drain.giveUp()
    await within(clock, deadlineMs, this.#finished())
    this.#giveUp.abort()
    await within(clock, afterDeadlineMs, this.#idle())
    this.#released = true
    this.#alarms.clear()
    const left = this.#takeAll()
    await within(clock, afterDeadlineMs, this.#endings.release(left))
    await within(clock, afterDeadlineMs, this.#endings.flush())
    this.#budget.leaveLine()
  }

  /** Everything that is under way has come to its end. */
  async #finished(): Promise<void> {
    await this.#puller.stop()
    await this.#idle()
    await this.#endings.parkingIdle()
    await this.#endings.flush()
  }

  #idle(): Promise<void> {
    if (this.#batches.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idlers.push(resolve))
  }

  #tellIdlers(): void {
    if (this.#batches.size === 0) for (const resolve of this.#idlers.splice(0)) resolve()
  }

  /** Every record that has not ended; none of them counts any more. */
  #takeAll(): readonly Entry[] {
    const out = [
      ...[...this.#batches].flatMap(({ entries }) => entries),
      ...this.#endings.parkedEntries(),
      ...this.#run.suspects(),
    ].filter(({ state }) => state === 'out')
    return this.#lanes.clear([...new Set(out)])
  }

  #heldRecords(): number {
    return this.#lanes.heldRecords + this.#endings.parked + this.#run.suspectRecords
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
      isQuiet: busy === 0,
      isFull: this.#full,
    }
  }

  #report(code: WalErrorCode, what: string, cause: unknown): void {
    const { namespace, targetName } = this.#options
    const why =
      cause === undefined ? '' : `: ${cause instanceof Error ? cause.message : String(cause)}`
    const message = `Namespace '${namespace}', target '${targetName}': ${what}${why}`
    this.#events.error(new WalError(code, message, { cause, retryable: true }))
  }
}

/** Waits between tries of a queue that fails, in ms. */
const queueBackoff = { minDelayMs: 100, maxDelayMs: 30_000 }

function limitsOf(target: Target<unknown>, policy: DeliveryPolicy): TakeLimits {
  const { largestBatch, appliesInOrder } = target
  return {
    maxRecords: Math.max(
      1,
      Math.min(policy.batch.maxRecords, largestBatch?.maxRecords ?? Infinity),
    ),
    maxBytes: Math.min(policy.batch.maxBytes, largestBatch?.maxBytes ?? Infinity),
    appliesInOrder: appliesInOrder === true,
  }
}

/** Resolves with the work, or without it when the time is up. */
async function within(clock: Clock, longestMs: number, work: Promise<void>): Promise<void> {
  const done = new AbortController()
  await Promise.race([work, sleep(clock, longestMs, done.signal)])
  done.abort()
}

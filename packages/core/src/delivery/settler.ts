import type { Clock } from '../clock.ts'
import type { Attempt, Consumer } from '../consumer/consumer.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target/target.ts'
import { withAttempt, withInterruptions } from './attempt-history.ts'
import type { Batch, Span } from './batch.ts'
import { type Failure, failureOf } from './classify-error.ts'
import type { DeliveryEvents } from './delivery-events.ts'
import type { Endings } from './endings.ts'
import type { Entry } from './entry.ts'
import { excuse, type FailureRun } from './failure-run.ts'
import type { Gate } from './gate.ts'
import type { Lane, Lanes } from './lanes.ts'
import type { DeliveryPolicy } from './policy.ts'
import { fullJitterMs } from './retry-policy.ts'
import type { MutableCounters } from './status.ts'

export interface SettlerOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly policy: DeliveryPolicy
  readonly clock: Clock
  readonly random: Random
  readonly lanes: Lanes
  readonly gate: Gate
  readonly run: FailureRun
  readonly counters: MutableCounters
  readonly events: DeliveryEvents
  readonly endings: Endings
  /** The queue did not take what it was told. */
  onQueueError(what: string, error: unknown): void
}

/** What one settlement comes to, gathered so that the queue is told once. */
interface Verdicts {
  readonly applied: Entry[]
  readonly superseded: Entry[]
  readonly dead: Entry[]
  readonly back: Entry[]
  readonly lost: Entry[]
  /** Failed, and tried again after so many ms. */
  readonly retries: { readonly entry: Entry; readonly attempt: Attempt; readonly delayMs: number }[]
}

/** Decides every record's fate: done, tried again, or a dead letter. */
export class Settler {
  readonly #options: SettlerOptions

  constructor(options: SettlerOptions) {
    this.#options = options
  }

  /** The target answered: one outcome each, or undefined if all were applied. */
  settle(
    batch: Batch,
    entries: readonly Entry[],
    outcomes: readonly Outcome[] | undefined,
    span: Span,
  ): Promise<void> | undefined {
    const verdicts = newVerdicts()
    const works = outcomes === undefined || outcomes.some(isDone)
    if (works) this.#targetWorks(batch, verdicts)
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry
      const outcome = outcomes?.[index]
      if (!this.#isStillOurs(entry, verdicts)) continue
      if (batch.heldLanes.size > 0 && batch.heldLanes.has(entry.lane))
        this.#back(batch, entry, verdicts)
      else if (outcome === undefined || outcome.status === 'applied') verdicts.applied.push(entry)
      else if (outcome.status === 'superseded') verdicts.superseded.push(entry)
      else this.#judge(batch, entry, failureOf(outcome), span, works, verdicts)
    }
    return this.#carryOut(verdicts)
  }

  /** The whole part failed, for one reason. */
  fail(
    batch: Batch,
    entries: readonly Entry[],
    failure: Failure,
    span: Span,
  ): Promise<void> | undefined {
    const verdicts = newVerdicts()
    for (const entry of entries) {
      if (!this.#isStillOurs(entry, verdicts)) continue
      if (batch.heldLanes.has(entry.lane)) this.#back(batch, entry, verdicts)
      else {
        // It may well make the next batch fail as a whole, too.
        if (failure.class === 'transient' || failure.class === 'timeout') entry.alone = true
        this.#judge(batch, entry, failure, span, false, verdicts)
      }
    }
    return this.#carryOut(verdicts)
  }

  /** They come back as they are, and wait so long. */
  putBack(batch: Batch, entries: readonly Entry[], delayMs: number): Promise<void> | undefined {
    const verdicts = newVerdicts()
    for (const entry of entries) {
      if (!this.#isStillOurs(entry, verdicts)) continue
      if (delayMs > 0) this.#wait(entry, delayMs)
      this.#back(batch, entry, verdicts)
    }
    return this.#carryOut(verdicts)
  }

  /** It cannot be applied at all: no attempt is made. */
  refuse(batch: Batch, entry: Entry, code: string, message: string): undefined {
    const { clock, targetName } = this.#options
    entry.history = withAttempt(entry.history, {
      at: clock.now(),
      durationMs: 0,
      target: targetName,
      class: 'permanent',
      code,
      message,
    })
    this.#options.endings.bury([this.#dead(batch, entry)])
  }

  /** It came with every attempt spent: by the death of processes, or it could not be buried before. */
  exhausted(batch: Batch, entry: Entry): undefined {
    const { spent, history } = entry
    if (history.length > 0) this.#options.endings.bury([this.#dead(batch, entry)])
    else this.refuse(batch, entry, 'ERR_TRANSIENT', `All of its ${spent} attempts failed`)
  }

  /** Completes the history of a record that died with a process. */
  noteInterruptions(entry: Entry): void {
    const { clock, targetName } = this.#options
    const place = { at: clock.now(), target: targetName }
    entry.history = withInterruptions(entry.history, entry.interrupted, place)
  }

  /** Nobody is left to ask: the suspects' failures were their own. */
  convict(): void {
    this.#options.endings.bury(this.#options.run.convict())
  }

  /** What comes for a record after it was given back, or after its lease was lost, counts no more. */
  #isStillOurs(entry: Entry, verdicts: Verdicts): boolean {
    if (entry.state !== 'out') return false
    if (entry.lost) verdicts.lost.push(entry)
    return !entry.lost
  }

  #judge(
    batch: Batch,
    entry: Entry,
    failure: Failure,
    span: Span,
    works: boolean,
    verdicts: Verdicts,
  ): void {
    const { gate } = this.#options
    if (batch.failedLanes.has(entry.lane)) return this.#back(batch, entry, verdicts)
    if (failure.class === 'throttled') {
      gate.throttle(failure)
      return this.#back(batch, entry, verdicts)
    }
    if (failure.class === 'unavailable') {
      if (gate.open('unavailable', failure, batch.generation)) this.#refundRun(verdicts)
      return this.#back(batch, entry, verdicts)
    }
    const attempt = this.#attemptOf(failure, span)
    entry.history = withAttempt(entry.history, attempt)
    if (failure.class === 'permanent') {
      entry.spent++
      verdicts.dead.push(this.#dead(batch, entry))
      gate.answered(batch.generation, false)
    } else this.#failed(batch, entry, failure, attempt, works, verdicts)
  }

  /** An attempt failed, for a reason that may be the record's own or not. */
  #failed(
    batch: Batch,
    entry: Entry,
    failure: Failure,
    attempt: Attempt,
    works: boolean,
    verdicts: Verdicts,
  ): void {
    const { gate, run, policy } = this.#options
    const isCurrent = batch.generation === gate.generation
    if (!isCurrent && gate.breaker !== 'closed' && excuse(entry)) {
      return this.#back(batch, entry, verdicts)
    }
    entry.spent++
    const countsInRun = isCurrent && !works && !batch.probe
    if (batch.probe) gate.probeFailed(failure, batch.generation)
    if (countsInRun) {
      run.add(entry)
      if (run.isOutage && gate.open('failures', failure, batch.generation))
        this.#refundRun(verdicts)
    }
    if (entry.spent < policy.retry.maxAttempts)
      this.#retry(batch, entry, failure, attempt, verdicts)
    else if (countsInRun && !run.isEmpty) this.#suspect(batch, entry)
    else verdicts.dead.push(this.#dead(batch, entry))
  }

  #retry(batch: Batch, entry: Entry, failure: Failure, attempt: Attempt, verdicts: Verdicts): void {
    const { policy, random } = this.#options
    const backoffMs = fullJitterMs(policy.retry, Math.max(1, entry.spent), random)
    const delayMs = Math.max(backoffMs, failure.retryAfterMs ?? 0)
    this.#wait(entry, delayMs)
    verdicts.retries.push({ entry, attempt, delayMs })
    this.#back(batch, entry, verdicts)
  }

  /** Where a dead letter blocks its key, later records of the key must not end before it is dealt with. */
  #dead(batch: Batch, entry: Entry): Entry {
    const lanes =
      this.#options.policy.onDeadLetter === 'block' ? batch.heldLanes : batch.failedLanes
    lanes.add(entry.lane)
    return entry
  }

  #suspect(batch: Batch, entry: Entry): void {
    batch.heldLanes.add(entry.lane)
    this.#options.run.suspect(entry)
  }

  #back(batch: Batch, entry: Entry, verdicts: Verdicts): void {
    batch.heldLanes.add(entry.lane)
    verdicts.back.push(entry)
  }

  #wait(entry: Entry, delayMs: number): void {
    const { clock } = this.#options
    entry.notBefore = Math.ceil(clock.now() + delayMs)
    entry.waitUntil = clock.monotonic() + delayMs
  }

  #attemptOf(failure: Failure, { at, durationMs }: Span): Attempt {
    const { class: failureClass, code, message } = failure
    const target = this.#options.targetName
    return { at, durationMs, target, class: failureClass, code, message }
  }

  #targetWorks(batch: Batch, verdicts: Verdicts): void {
    const { gate, run } = this.#options
    gate.answered(batch.generation, true)
    if (!run.isEmpty && batch.generation === gate.generation) verdicts.dead.push(...run.convict())
  }

  /** It was an outage: who failed in it gets the attempts back. */
  #refundRun(verdicts: Verdicts): void {
    const { run, lanes } = this.#options
    const suspects = new Set(run.suspects())
    const { refunded, convicted } = run.refund()
    verdicts.dead.push(...convicted)
    const waiting: Entry[] = []
    for (const entry of refunded) {
      if (suspects.has(entry)) verdicts.back.push(entry)
      else if (entry.state === 'queued') waiting.push(entry)
    }
    if (waiting.length > 0) void this.#save(waiting)
    for (const { lane } of waiting) lanes.refresh(lane)
  }

  #carryOut(verdicts: Verdicts): Promise<void> | undefined {
    const { applied, superseded, dead, back, lost, retries } = verdicts
    const { endings, events, counters } = this.#options
    if (applied.length > 0) this.#finish(applied, 'applied')
    if (superseded.length > 0) this.#finish(superseded, 'superseded')
    if (dead.length > 0) endings.bury(dead)
    if (lost.length > 0) endings.drop(lost)
    for (const { entry, attempt, delayMs } of retries) {
      counters.retried++
      events.retry({ record: entry.delivery.record, attempt, spent: entry.spent, delayMs })
    }
    return back.length > 0 ? this.#return(back) : undefined
  }

  #finish(entries: readonly Entry[], fate: 'applied' | 'superseded'): void {
    const { counters, events, endings } = this.#options
    counters[fate] += entries.length
    const records = entries.map(({ delivery }) => delivery.record)
    endings.done(entries, fate)
    events[fate](records)
    for (const { delivery, spent } of entries) {
      if (spent > 0) events.recovered({ record: delivery.record, spent })
    }
  }

  /** Tells the queue first, so that no later attempt of them is noted before that. */
  async #return(entries: readonly Entry[]): Promise<void> {
    const { lanes } = this.#options
    await this.#save(entries)
    const touched = new Set<Lane>()
    for (const entry of entries) {
      if (entry.state !== 'out') continue
      lanes.putBack(entry)
      touched.add(entry.lane)
    }
    for (const lane of touched) lanes.refresh(lane)
  }

  async #save(entries: readonly Entry[]): Promise<void> {
    const { consumer, onQueueError } = this.#options
    const saved = entries.map((entry) => ({ delivery: entry.delivery, attempts: entry.attempts() }))
    try {
      await consumer.saveAttempts(saved)
    } catch (error) {
      onQueueError('did not keep failed attempts, which then do not count after a restart', error)
    }
  }
}

function newVerdicts(): Verdicts {
  return { applied: [], superseded: [], dead: [], back: [], lost: [], retries: [] }
}

function isDone({ status }: Outcome): boolean {
  return status === 'applied' || status === 'superseded'
}

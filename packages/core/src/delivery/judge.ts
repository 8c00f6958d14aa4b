import type { Clock } from '../clock.ts'
import { isUnmadeCode } from '../connection-errors.ts'
import type { Attempt } from '../consumer/consumer.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target/target.ts'
import { withAttempt } from './attempt-history.ts'
import type { Batch, Span } from './batch.ts'
import { type FailedAttempt, type Failure, failureOf, type HeldBack } from './classify-error.ts'
import type { Entry } from './entry.ts'
import { excuse, type FailureRun } from './failure-run.ts'
import type { Gate } from './gate.ts'
import type { DeliveryPolicy } from './policy.ts'
import { fullJitterMs, halfJitterMs } from './retry-policy.ts'
import { newVerdicts, type Verdicts } from './verdicts.ts'

export interface JudgeOptions {
  readonly targetName: string
  readonly policy: DeliveryPolicy
  readonly clock: Clock
  readonly random: Random
  readonly gate: Gate
  readonly run: FailureRun
  /** True while what waits in memory is half of what may. */
  isHalfHeld(): boolean
}

/** An apply that did not succeed for each of its records. */
interface Case {
  readonly batch: Batch
  readonly span: Span
  /** Records it applied, or found superseded: more than 0 shows that the target works. */
  readonly applied: number
  /** It was about one record: the failure is that record's. */
  readonly single: boolean
  readonly verdicts: Verdicts
}

/**
 * Times the target went down with a record, working again between, that are put down to chance. After
 * these it is the record that brings it down; or the way to the target is closed for this record alone.
 */
const chanceOutages = 5

/** Wait of a record that was put off without saying for how long, in ms; and the least, where it was said. */
const usualHoldMs = 1000
const leastHoldMs = 10

/** Over how long those come back that were put off without being sent, in ms; half of their wait where that is shorter. */
const longestSpreadMs = 15_000

/** Decides what becomes of each record of an apply, and what the apply says of the target. */
export class Judge {
  readonly #options: JudgeOptions

  constructor(options: JudgeOptions) {
    this.#options = options
  }

  /** The target answered: one outcome each, or undefined if all were applied. */
  answered(
    batch: Batch,
    entries: readonly Entry[],
    outcomes: readonly Outcome[] | undefined,
    span: Span,
  ): Verdicts {
    const verdicts = newVerdicts()
    const applied = outcomes === undefined ? entries.length : outcomes.filter(isDone).length
    const single = entries.length === 1
    if (applied > 0) this.#targetWorks(batch, applied, verdicts)
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry
      const outcome = outcomes?.[index]
      // Those behind it in its key are not judged, and were not sent either.
      if (outcome?.status === 'held' && outcome.untried === true) batch.untried++
      if (!isStillOurs(entry, verdicts)) continue
      if (batch.heldLanes.has(entry.lane)) goesBack(batch, entry, verdicts)
      else if (outcome === undefined || outcome.status === 'applied') {
        entry.lane.putOffSince = undefined
        verdicts.applied.push(entry)
      } else if (outcome.status === 'superseded') {
        entry.lane.putOffSince = undefined
        verdicts.superseded.push(entry)
      } else this.#failed({ batch, span, applied, single, verdicts }, entry, failureOf(outcome))
    }
    return verdicts
  }

  /** The whole of it failed, for one reason. */
  rejected(batch: Batch, entries: readonly Entry[], failure: Failure, span: Span): Verdicts {
    const verdicts = newVerdicts()
    const single = entries.length === 1
    if (failure.class === 'held' && failure.untried === true) batch.untried += entries.length
    for (const entry of entries) {
      if (!isStillOurs(entry, verdicts)) continue
      // It may well make the next batch fail as a whole, too.
      if (failure.class === 'transient' || failure.class === 'timeout') entry.alone = true
      if (batch.heldLanes.has(entry.lane)) goesBack(batch, entry, verdicts)
      else this.#failed({ batch, span, applied: 0, single, verdicts }, entry, failure)
    }
    return verdicts
  }

  /** They come back as they are, and wait so long. */
  untried(batch: Batch, entries: readonly Entry[], delayMs: number): Verdicts {
    const verdicts = newVerdicts()
    for (const entry of entries) {
      if (!isStillOurs(entry, verdicts)) continue
      if (delayMs > 0) this.#wait(entry, delayMs)
      goesBack(batch, entry, verdicts)
    }
    return verdicts
  }

  /** Where a dead letter blocks its key, later records of the key must not end before it is dealt with. */
  dead(batch: Batch, entry: Entry): Entry {
    const { onDeadLetter } = this.#options.policy
    const lanes = onDeadLetter === 'block' ? batch.heldLanes : batch.failedLanes
    lanes.add(entry.lane)
    // Its letter may stay for days, and be redriven then: that is no time in which anything was put off.
    if (onDeadLetter === 'block') entry.lane.putOffSince = undefined
    return entry
  }

  /**
   * Nobody is left to ask of those whose fate is open. One that failed by itself is to blame; where
   * several did and nothing succeeded, it is an outage as far as anyone can tell.
   */
  undecided(): Verdicts {
    const { run, gate } = this.#options
    const verdicts = newVerdicts()
    const outage = run.likelyOutage
    if (outage && gate.open('failures', outage, gate.generation)) this.#refundRun(verdicts)
    else verdicts.dead.push(...run.convict())
    return verdicts
  }

  #failed(given: Case, entry: Entry, failure: Failure): void {
    const { gate } = this.#options
    const { batch, verdicts } = given
    const isDown = failure.class === 'unavailable' && !this.#bringsItDown(given, entry, failure)
    if (batch.failedLanes.has(entry.lane)) goesBack(batch, entry, verdicts)
    else if (failure.class === 'held' && !this.#isCrowded) this.#hold(given, entry, failure)
    else if (failure.class === 'throttled') {
      gate.throttle(failure)
      goesBack(batch, entry, verdicts)
    } else if (isDown) this.#down(given, entry, failure)
    else if (failure.class === 'permanent' || failure.class === 'held') {
      this.#note(given, entry, { ...failure, class: 'permanent' })
      entry.lane.putOffSince = undefined
      entry.spent++
      verdicts.dead.push(this.dead(batch, entry))
      if (failure.class === 'permanent' || !gate.isRun) gate.answered(batch.generation, 0)
    } else this.#mayBeItsOwnFault(given, entry, failure)
  }

  get #isCrowded(): boolean {
    const { policy, isHalfHeld } = this.#options
    return policy.parksHeld === true && isHalfHeld()
  }

  /**
   * The target is there, and takes others. Where records failed in a row that is not enough: one of
   * them has to succeed, and the probe simply ends.
   */
  #hold(given: Case, entry: Entry, failure: HeldBack): void {
    const { gate } = this.#options
    const { batch, verdicts } = given
    const leftMs = this.#mayBeHeldForMs(entry, failure)
    if (leftMs <= 0) {
      this.#note(given, entry, { ...failure, class: 'unavailable' })
      verdicts.dead.push(this.dead(batch, entry))
      if (!gate.isRun) gate.answered(batch.generation, 0)
      return
    }
    const saidMs = Math.max(leastHoldMs, failure.retryAfterMs ?? usualHoldMs)
    const delayMs = Math.min(leftMs, saidMs + this.#spreadMs(failure, saidMs))
    this.#wait(entry, delayMs)
    verdicts.held.push({ entry, failure, delayMs })
    goesBack(batch, entry, verdicts)
    if (!gate.isRun) gate.answered(batch.generation, 0)
  }

  /**
   * What was not even sent comes after what was, and not all at once: all that waits for one part was told the same
   * instant, each has to be read again, and others would stand in line behind a hundred thousand.
   */
  #spreadMs({ untried }: HeldBack, saidMs: number): number {
    if (untried !== true) return 0
    return Math.min(saidMs / 2, longestSpreadMs) * this.#options.random.next()
  }

  /**
   * What is left of `heldForMs`. What waited behind a record that was given up has waited as long as that: it is
   * asked for once, and goes the same way unless it is taken. While the target is away as a whole no time passes.
   */
  #mayBeHeldForMs({ lane }: Entry, { part }: HeldBack): number {
    const { policy, clock, gate } = this.#options
    const now = clock.monotonic() - gate.awayMs
    if (lane.putOffSince?.part !== part) lane.putOffSince = undefined
    lane.putOffSince ??= { at: now, part }
    return (policy.heldForMs ?? Infinity) - (now - lane.putOffSince.at)
  }

  /** An outage spends nobody's attempts. One that shows with a single record only holds up that one. */
  #down(given: Case, entry: Entry, failure: Failure): void {
    const { gate, policy, random } = this.#options
    const { batch, verdicts } = given
    if (gate.breaker === 'closed' && isSingledOut(given, entry) && !this.#isCrowded) {
      const backoffMs = halfJitterMs(policy.retry, entry.failures.outages - chanceOutages, random)
      const retryAfterMs = Math.max(backoffMs, failure.retryAfterMs ?? 0)
      this.#hold(given, entry, { ...failure, class: 'held', retryAfterMs })
      return
    }
    if (gate.open('unavailable', failure, batch.generation)) this.#refundRun(verdicts)
    goesBack(batch, entry, verdicts)
  }

  /**
   * A record that crashes the target, or the way to it, looks like an outage each time. It is one
   * that the target went down with again and again, and came back without. Not where no connection
   * was made: what has not been sent has brought nothing down. Nor where the target says that it has too
   * much to do: who answers so is up, and says it of whatever comes.
   */
  #bringsItDown(given: Case, entry: Entry, failure: Failure): boolean {
    if (isOverload(failure)) return false
    const { successes } = this.#options.gate
    const { failures } = entry
    if (successes !== failures.successesAtOutage) failures.outages++
    failures.successesAtOutage = successes
    if (failures.outages > 1) entry.alone = true
    return isSingledOut(given, entry) && !isUnmadeCode(failure.code)
  }

  /** Its attempt counts, unless all the others fail, too. */
  #mayBeItsOwnFault(given: Case, entry: Entry, failure: FailedAttempt): void {
    const { gate, run, policy } = this.#options
    const { batch, applied, verdicts } = given
    const attempt = this.#note(given, entry, failure)
    // Whoever fails like that has been asked: what puts its records off was there.
    entry.lane.putOffSince = undefined
    const isCurrent = batch.generation === gate.generation
    const isInOutage = isCurrent ? batch.probe && gate.isRun : gate.breaker !== 'closed'
    if (batch.probe) run.witness(entry, gate.appliedRecords)
    if (isInOutage && this.#isExcused(entry)) {
      if (batch.probe) gate.probeFailed(failure, batch.generation)
      goesBack(batch, entry, verdicts)
      return
    }
    entry.spent++
    const countsInRun = isCurrent && applied === 0 && !batch.probe
    if (countsInRun) {
      run.add(entry, failure, gate.appliedRecords)
      const opens = run.isOutage && gate.open('failures', failure, batch.generation)
      if (opens) this.#refundRun(verdicts)
    } else if (batch.probe) gate.probeFailed(failure, batch.generation)
    if (entry.spent < policy.retry.maxAttempts) this.#retry(given, entry, failure, attempt)
    else if (countsInRun && !run.isEmpty) {
      batch.heldLanes.add(entry.lane)
      run.suspect(entry)
      verdicts.suspects.push(entry)
    } else verdicts.dead.push(this.dead(batch, entry))
  }

  /** Not for ever at the cost of those behind it, where few records tell of the outage. */
  #isExcused(entry: Entry): boolean {
    const { gate, run, clock } = this.#options
    const othersWait = entry.lane.head !== undefined
    if (othersWait && run.isDoubtful(clock.monotonic())) return false
    return excuse(entry, gate.successes)
  }

  #retry({ batch, verdicts }: Case, entry: Entry, failure: Failure, attempt: Attempt): void {
    const { policy, random } = this.#options
    const backoffMs = fullJitterMs(policy.retry, Math.max(1, entry.spent), random)
    const delayMs = Math.max(backoffMs, failure.retryAfterMs ?? 0)
    this.#wait(entry, delayMs)
    verdicts.retries.push({ entry, attempt, delayMs })
    goesBack(batch, entry, verdicts)
  }

  #wait(entry: Entry, delayMs: number): void {
    const { clock } = this.#options
    entry.notBefore = Math.ceil(clock.now() + delayMs)
    entry.waitUntil = clock.monotonic() + delayMs
  }

  #note({ span, applied }: Case, entry: Entry, failure: FailedAttempt): Attempt {
    const { class: failureClass, code, message } = failure
    const target = this.#options.targetName
    const attempt = { ...span, target, class: failureClass, code, message }
    entry.history = withAttempt(entry.history, attempt)
    const { failures } = entry
    if (failures.count === 0) failures.appliedAtFirst = this.#options.gate.appliedRecords - applied
    failures.count++
    return attempt
  }

  #targetWorks(batch: Batch, applied: number, verdicts: Verdicts): void {
    const { gate, run } = this.#options
    gate.answered(batch.generation, applied)
    if (!run.isOver && batch.generation === gate.generation) verdicts.dead.push(...run.end())
  }

  /** It was an outage: who failed in it gets the attempts back. */
  #refundRun(verdicts: Verdicts): void {
    const { run, gate, clock } = this.#options
    const suspects = new Set(run.suspects())
    const { refunded, convicted } = run.refund(gate.successes, clock.monotonic())
    verdicts.dead.push(...convicted)
    for (const entry of refunded) {
      if (suspects.has(entry)) verdicts.back.push(entry)
      else if (entry.state === 'queued') verdicts.refunded.push(entry)
    }
  }
}

function goesBack(batch: Batch, entry: Entry, verdicts: Verdicts): void {
  batch.heldLanes.add(entry.lane)
  verdicts.back.push(entry)
}

/** An answer that asks for time: with how much, or a 503 as targets here pass it on. */
function isOverload({ code, retryAfterMs }: Failure): boolean {
  return retryAfterMs !== undefined || code === 'HTTP_503' || code === '503'
}

/** It was alone in each of the last outages, and the target worked between them. */
function isSingledOut({ single }: Case, { failures }: Entry): boolean {
  return single && failures.outages > chanceOutages
}

/** What comes for a record after it was given back, or after its lease was lost, counts no more. */
function isStillOurs(entry: Entry, verdicts: Verdicts): boolean {
  if (entry.state !== 'out') return false
  if (entry.lost) verdicts.lost.push(entry)
  return !entry.lost
}

function isDone({ status }: Outcome): boolean {
  return status === 'applied' || status === 'superseded'
}

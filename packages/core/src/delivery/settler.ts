import type { Clock } from '../clock.ts'
import type { Consumer, SavedAttempts } from '../consumer/consumer.ts'
import type { WalErrorCode } from '../errors.ts'
import type { Outcome } from '../target/target.ts'
import { withAttempt, withInterruptions } from './attempt-history.ts'
import type { Batch, Span } from './batch.ts'
import type { Failure } from './classify-error.ts'
import type { DeliveryEvents } from './delivery-events.ts'
import type { Endings } from './endings.ts'
import type { Entry } from './entry.ts'
import type { FailureRun } from './failure-run.ts'
import type { Judge } from './judge.ts'
import type { Lane } from './lane.ts'
import type { Lanes } from './lanes.ts'
import type { MutableCounters } from './status.ts'
import type { Verdicts } from './verdicts.ts'

export interface SettlerOptions {
  readonly targetName: string
  readonly consumer: Consumer
  readonly clock: Clock
  readonly judge: Judge
  readonly lanes: Lanes
  readonly run: Pick<FailureRun, 'suspectRecords'>
  readonly endings: Endings
  readonly counters: MutableCounters
  readonly events: DeliveryEvents
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** Has every record of an apply judged, and carries out the verdicts. */
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
    return this.#carryOut(this.#options.judge.answered(batch, entries, outcomes, span))
  }

  /** The whole part failed, for one reason. */
  fail(
    batch: Batch,
    entries: readonly Entry[],
    failure: Failure,
    span: Span,
  ): Promise<void> | undefined {
    return this.#carryOut(this.#options.judge.rejected(batch, entries, failure, span))
  }

  /** They come back as they are, and wait so long. */
  putBack(batch: Batch, entries: readonly Entry[], delayMs: number): Promise<void> | undefined {
    return this.#carryOut(this.#options.judge.untried(batch, entries, delayMs))
  }

  /** It cannot be applied at all: no attempt is made. */
  refuse(batch: Batch, entry: Entry, code: string, message: string): undefined {
    const { clock, targetName, endings, judge } = this.#options
    const place = { at: clock.now(), durationMs: 0, target: targetName }
    const attempt = { ...place, class: 'permanent', code, message } as const
    entry.history = withAttempt(entry.history, attempt)
    endings.bury([judge.dead(batch, entry)])
  }

  /** It came with every attempt spent: by the death of processes, or it could not be buried before. */
  exhausted(batch: Batch, entry: Entry): undefined {
    const { endings, judge } = this.#options
    if (entry.history.length > 0) endings.bury([judge.dead(batch, entry)])
    else this.refuse(batch, entry, 'ERR_TRANSIENT', `All of its ${entry.spent} attempts failed`)
  }

  /** Completes the history of a record that died with a process. */
  noteInterruptions(entry: Entry): void {
    const { clock, targetName } = this.#options
    const place = { at: clock.now(), target: targetName }
    entry.history = withInterruptions(entry.history, entry.interrupted, place)
  }

  /** Nobody is left to ask of the records whose fate is open. */
  decide(): void {
    void this.#carryOut(this.#options.judge.undecided())
  }

  #carryOut(verdicts: Verdicts): Promise<void> | undefined {
    const { applied, superseded, dead, suspects, lost, back, refunded, retries, held } = verdicts
    const { endings, events, counters } = this.#options
    if (applied.length > 0) this.#finish(applied, 'applied')
    if (superseded.length > 0) this.#finish(superseded, 'superseded')
    if (dead.length > 0) endings.bury(dead)
    if (lost.length > 0) endings.drop(lost)
    counters.retried += retries.length
    for (const { entry, attempt, delayMs } of retries) {
      events.retry({ record: entry.delivery.record, attempt, spent: entry.spent, delayMs })
    }
    // Of those that are put off nobody is asked twice: they may be so for good.
    const isFirst = suspects.length > 0 && suspects.length === this.#options.run.suspectRecords
    if (isFirst) this.#options.lanes.putOff.beginRound()
    for (const { entry, failure, delayMs } of held) {
      const { code, message } = failure
      const now = this.#options.clock.now()
      this.#options.lanes.putOff.add(entry, failure, now)
      if (entry.wasHeld) continue
      entry.wasHeld = true
      const until = Math.ceil(now + delayMs)
      events.held({ record: entry.delivery.record, code, message, until })
    }
    if (suspects.length > 0) void this.#save(suspects.map(withLastAttempt))
    if (back.length === 0 && refunded.length === 0) return undefined
    return this.#return(back, refunded)
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
  async #return(back: readonly Entry[], refunded: readonly Entry[]): Promise<void> {
    const { lanes, endings } = this.#options
    await this.#save([...back, ...refunded].map(asItIs))
    const touched = new Set<Lane>()
    const lost: Entry[] = []
    for (const entry of back) {
      if (entry.state !== 'out') continue
      if (entry.lost) {
        lost.push(entry)
        continue
      }
      lanes.putBack(entry)
      touched.add(entry.lane)
    }
    if (lost.length > 0) endings.drop(lost)
    for (const lane of touched) lanes.refresh(lane)
  }

  async #save(saved: readonly SavedAttempts[]): Promise<void> {
    const { consumer, report } = this.#options
    try {
      await consumer.saveAttempts(saved)
    } catch (error) {
      const what = 'The queue did not keep failed attempts; they may not count after a restart'
      report('ERR_IO', what, error)
    }
  }
}

function asItIs(entry: Entry): SavedAttempts {
  return { delivery: entry.delivery, attempts: entry.attempts() }
}

/** A suspect whose process dies is not to be buried unasked: its last attempt is made once more. */
function withLastAttempt(entry: Entry): SavedAttempts {
  return { delivery: entry.delivery, attempts: { ...entry.attempts(), spent: entry.spent - 1 } }
}

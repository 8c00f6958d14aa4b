import type { Clock, Timer } from '../clock.ts'
import type { Consumer, Delivery } from '../consumer/consumer.ts'
import { reasonOf } from '../error-text.ts'
import type { WalErrorCode } from '../errors.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import type { Target } from '../target/target.ts'
import type { TransactionSource } from '../transaction/transaction-source.ts'
import { ApplySeries, type ApplySeriesOptions } from './apply-series.ts'
import { type ApplyEnd, applyWithTimeout } from './apply-with-timeout.ts'
import { type Batch, halves, only, type Part, type Span } from './batch.ts'
import { checkOutcomes } from './check-outcomes.ts'
import { classifyError, type Failure } from './classify-error.ts'
import type { Entry } from './entry.ts'
import type { Gate } from './gate.ts'
import type { Lanes } from './lanes.ts'
import type { DeliveryPolicy } from './policy.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Settler } from './settler.ts'
import { StopCalls } from './stop-calls.ts'
import type { TakeLimits } from './take-limits.ts'
import {
  type ApplyResult,
  isOfTarget,
  type SettledApply,
  TransactionApplier,
} from './transaction-applier.ts'
import type { UnsyncedAcks } from './unsynced-acks.ts'

export interface ApplierOptions {
  readonly namespace: string
  readonly targetName: string
  /** See `ApplyContext.place`. */
  readonly place?: string | undefined
  readonly target: Target<unknown>
  readonly consumer: Consumer
  decode(record: StoredRecord): WalRecord
  readonly policy: DeliveryPolicy
  readonly clock: Clock
  readonly lanes: Lanes
  readonly gate: Gate
  readonly settler: Settler
  readonly limits: TakeLimits
  readonly rate: RateLimit | undefined
  readonly transactions?: TransactionSource | undefined
  /** Resolves once every ack so far has been handed to the queue. */
  acked(): Promise<void>
  /** Records that are done with, and whose acks have not. */
  unacked(): number
  readonly unsyncedAcks?: UnsyncedAcks | undefined
  /** Aborted when the delivery gives up what is under way. */
  readonly stop: AbortSignal
  /** Wait before the queue is asked again, in ms. */
  backoffMs(failures: number): number
  report(code: WalErrorCode, what: string, cause: unknown): void
}

/** Takes a batch to the target, in parts if need be, until all of its records have a fate. */
export class Applier {
  readonly #options: ApplierOptions
  readonly #transactions: TransactionApplier
  /** What all applies have in common. */
  readonly #common: ApplySeriesOptions

  constructor(options: ApplierOptions) {
    this.#options = options
    this.#common = commonOf(options)
    this.#transactions = new TransactionApplier({
      ...options,
      series: () => new ApplySeries(this.#common),
      resultOf: (end, records) => this.#resultOf(end, records),
      mayGoOn: (batch) => this.#mayGoOn(batch),
      queueFailed: (batch, entry, error) => this.#queueFailed(batch, [entry], error),
    })
  }

  /** Never rejects. */
  async run(batch: Batch): Promise<void> {
    const { consumer, settler } = this.#options
    let part: Part
    try {
      if (batch.entries.some(({ dropped }) => dropped)) await this.#reload(batch.entries)
      const [first] = batch.entries
      // One of them is a batch of its own.
      if (first?.delivery.record.transaction) return await this.#transactions.run(batch, first)
      const { decoded, back } = this.#decode(batch)
      if (back.length > 0) await settler.putBack(batch, back, 0)
      part = decoded
      if (part.entries.length === 0) return
      const deliveries = part.entries.map(({ delivery }) => delivery)
      // Were a process to die of a suspect, what is noted ahead would become a suspect too.
      const isSuspect = part.entries.some(({ suspect }) => suspect)
      await consumer.beginAttempts?.(deliveries, isSuspect ? undefined : this.#soon)
    } catch (error) {
      const entries = batch.entries.filter(({ state }) => state === 'out')
      return this.#queueFailed(batch, entries, error)
    }
    await this.#applyHeld(batch, part)
  }

  /**
   * Those whose attempts will most likely begin next, and that can bear losing one should the process die first.
   * None while the ack of an earlier one of their keys may be on its way: it has to be noted before they begin.
   */
  readonly #soon = (): readonly Delivery[] => {
    const { lanes, gate, policy, unacked } = this.#options
    const soon: Delivery[] = []
    if (gate.admission !== 'all' || unacked() > 0) return soon
    for (const { head } of lanes.ready) {
      if (soon.length === mostSoon) break
      if (head === undefined || head.suspect || head.alone) continue
      if (head.spent + 1 < policy.retry.maxAttempts) soon.push(head.delivery)
    }
    return soon
  }

  /** Its turn did not come. Never rejects. */
  async giveBack(batch: Batch): Promise<void> {
    await this.#options.settler.putBack(batch, batch.entries, 0)
  }

  /** Reads the payloads once more that were dropped while their records waited. */
  async #reload(entries: readonly Entry[]): Promise<void> {
    const { consumer, lanes } = this.#options
    const dropped = entries.filter((entry) => entry.dropped)
    if (dropped.length === 0 || consumer.reload === undefined) return
    const records = await consumer.reload(dropped.map(({ delivery }) => delivery))
    for (const [index, entry] of dropped.entries()) {
      const record = records[index]
      if (record === undefined)
        throw new Error(`reload answered no record for ${entry.delivery.record.id}`)
      lanes.reloaded(entry, { ...entry.delivery, record })
    }
  }

  /** What cannot be applied at all becomes a dead letter; the rest is decoded, but for what has to wait. */
  #decode(batch: Batch): { readonly decoded: Part; readonly back: readonly Entry[] } {
    const entries: Entry[] = []
    const records: WalRecord[] = []
    const back: Entry[] = []
    for (const entry of batch.entries) {
      const mustWait = entry.lost || batch.heldLanes.has(entry.lane)
      const record = mustWait ? undefined : this.#decoded(batch, entry)
      if (record !== undefined) {
        entries.push(entry)
        records.push(record)
      } else if (mustWait) back.push(entry)
    }
    return { decoded: { entries, records }, back }
  }

  #decoded(batch: Batch, entry: Entry): WalRecord | undefined {
    const { decode, policy, settler } = this.#options
    const { record, unreadable } = entry.delivery
    if (unreadable !== undefined) {
      return settler.refuse(batch, entry, unreadable.code, unreadable.message)
    }
    if (entry.interrupted > 0) settler.noteInterruptions(entry)
    if (entry.spent >= policy.retry.maxAttempts) return settler.exhausted(batch, entry)
    try {
      return decode(record)
    } catch (error) {
      const message = `Its payload cannot be decoded: ${reasonOf(error)}`
      return settler.refuse(batch, entry, 'ERR_UNDECODABLE', message)
    }
  }

  async #applyPart(batch: Batch, part: Part): Promise<void> {
    const { settler, clock } = this.#options
    const at = clock.now()
    const startedAt = clock.monotonic()
    const bound = this.#boundTurn(batch)
    const end = await this.#apply(part)
    bound?.cancel()
    batch.turn.leave()
    const span: Span = { at, durationMs: clock.monotonic() - startedAt }
    if (end.kind === 'stopped') return settler.putBack(batch, part.entries, 0)
    for (const entry of part.entries) entry.suspect = false
    const result = this.#resultOf(end, part.entries.length)
    if ('outcomes' in result) return settler.settle(batch, part.entries, result.outcomes, span)
    const { failure } = result
    if (part.entries.length === 1 || isOfTarget(failure)) {
      return settler.fail(batch, part.entries, failure, span)
    }
    await this.#applyHalves(batch, part)
  }

  /** One of them makes the whole fail: the half that succeeds is done, the other is halved again. */
  async #applyHalves(batch: Batch, part: Part): Promise<void> {
    for (const half of halves(part)) await this.#applyHeld(batch, half)
  }

  /** Applies what is still held here: the queue was asked meanwhile, or another half was applied. */
  async #applyHeld(batch: Batch, part: Part): Promise<void> {
    const { settler } = this.#options
    const isHeld = (entry: Entry): boolean => !entry.lost && !batch.heldLanes.has(entry.lane)
    let held = part
    while (!held.entries.every(isHeld)) {
      const back = held.entries.filter((entry) => !isHeld(entry))
      held = only(held, isHeld)
      await settler.putBack(batch, back, 0)
    }
    if (held.entries.length === 0) return
    const turn = batch.turn.enter()
    const isIn = turn === undefined || (await turn)
    if (isIn && this.#mayGoOn(batch)) await this.#applyPart(batch, held)
    else await settler.putBack(batch, held.entries, 0)
  }

  /** Nobody waits any longer for one that takes longer than it may: neither beside it, nor to be alone. */
  #boundTurn({ turn }: Batch): Timer | undefined {
    const { policy, clock } = this.#options
    if (policy.aloneForMs === undefined) return undefined
    return clock.setTimer(policy.aloneForMs, () => turn.overstay())
  }

  #apply({ entries, records }: Part): Promise<ApplyEnd> {
    const common = this.#common
    const attempts = entries.map(({ spent }) => spent + 1)
    return applyWithTimeout({ ...common, records, context: { ...common.context, attempts } })
  }

  #resultOf(end: SettledApply, records: number): ApplyResult {
    if (end.kind !== 'answered') return { failure: this.#failureOf(end) }
    try {
      return { outcomes: checkOutcomes(end.answer, records, this.#options.targetName) }
    } catch (error) {
      return { failure: classifyError(error) }
    }
  }

  #failureOf(end: Extract<SettledApply, { kind: 'threw' | 'timeout' }>): Failure {
    if (end.kind === 'threw') return classifyError(end.error)
    const { policy, report } = this.#options
    const message = `An apply took longer than ${policy.applyTimeoutMs} ms`
    if (!end.heeded) {
      const advice =
        'and went on after its signal had aborted: the records are tried again, although it may still be writing them. Pass the signal to whatever apply() waits for'
      report('ERR_APPLY_TIMEOUT', `${message}, ${advice}`, undefined)
    }
    return { class: 'timeout', code: 'ERR_APPLY_TIMEOUT', message }
  }

  #mayGoOn(batch: Batch): boolean {
    const { gate, stop } = this.#options
    return !stop.aborted && !gate.isPaused && gate.generation === batch.generation
  }

  async #queueFailed(batch: Batch, entries: readonly Entry[], error: unknown): Promise<void> {
    const { settler, report, backoffMs } = this.#options
    report('ERR_IO', 'The queue failed before records were applied; they are tried again', error)
    await settler.putBack(batch, entries, Math.max(10, backoffMs(queueFailures)))
  }
}

function commonOf(options: ApplierOptions): ApplySeriesOptions {
  const { target, namespace, targetName, place, policy, clock, stop } = options
  return {
    target,
    context: { namespace, target: targetName, place },
    timeoutMs: policy.applyTimeoutMs,
    graceMs: policy.applyGraceMs ?? policy.applyTimeoutMs,
    clock,
    stop: new StopCalls(stop),
  }
}

/** So many at most are told of to the queue before their attempts begin. */
const mostSoon = 16

/** The queue's failures are not counted here: the wait is as after a few. */
const queueFailures = 3

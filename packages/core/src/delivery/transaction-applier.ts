import { type Clock, sleep } from '../clock.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { reasonOf } from '../error-text.ts'
import type { StoredRecord, WalRecord } from '../record.ts'
import type { BatchLimits, FailureOutcome, Outcome } from '../target/target.ts'
import type { TransactionRun, TransactionSource } from '../transaction/transaction-source.ts'
import type { ApplySeries } from './apply-series.ts'
import type { ApplyEnd } from './apply-with-timeout.ts'
import type { Batch, Span } from './batch.ts'
import { type Failure, failureOf } from './classify-error.ts'
import type { Entry } from './entry.ts'
import type { Gate } from './gate.ts'
import type { DeliveryPolicy } from './policy.ts'
import type { RateLimit } from './rate-limit.ts'
import type { Settler } from './settler.ts'
import type { TakeLimits } from './take-limits.ts'
import type { UnsyncedAcks } from './unsynced-acks.ts'

/** An apply that came to an end of its own. */
export type SettledApply = Exclude<ApplyEnd, { kind: 'stopped' }>

/** What it came to. */
export type ApplyResult =
  | { readonly outcomes: readonly Outcome[] | undefined }
  | { readonly failure: Failure }

export interface TransactionApplierOptions {
  readonly namespace: string
  readonly targetName: string
  readonly transactions?: TransactionSource | undefined
  readonly consumer: Consumer
  decode(record: StoredRecord): WalRecord
  readonly policy: DeliveryPolicy
  readonly limits: TakeLimits
  readonly clock: Clock
  readonly rate: RateLimit | undefined
  /** Aborted when the delivery gives up what is under way. */
  readonly stop: AbortSignal
  readonly gate: Gate
  readonly settler: Settler
  /** Resolves once every ack so far has been handed to the queue. */
  acked(): Promise<void>
  readonly unsyncedAcks?: UnsyncedAcks | undefined
  /** Applies that follow each other. */
  series(): ApplySeries
  resultOf(end: SettledApply, records: number): ApplyResult
  /** False once the target is paused, or the delivery stops. */
  mayGoOn(batch: Batch): boolean
  /** The queue or the store failed: the marker goes back, and waits. */
  queueFailed(batch: Batch, entry: Entry, error: unknown): Promise<void>
}

/** What one step came to: mutations were applied, or why not. */
interface Step {
  /** How many of the first ones are done with. */
  readonly done: number
  readonly failed?: { readonly mutation: StoredRecord; readonly failure: Failure } | undefined
}

/**
 * Applies the mutations of a transaction in their sequence, when its marker's turn has come. Every failure
 * is judged as the marker's own; attempts count anew whenever it has got further.
 */
export class TransactionApplier {
  readonly #options: TransactionApplierOptions

  constructor(options: TransactionApplierOptions) {
    this.#options = options
  }

  /** Rejects where the queue fails before anything is applied. */
  async run(batch: Batch, entry: Entry): Promise<void> {
    const { settler, transactions, clock, targetName } = this.#options
    const { record, unreadable } = entry.delivery
    if (entry.lost) return settler.putBack(batch, [entry], 0)
    if (unreadable !== undefined) {
      return settler.refuse(batch, entry, unreadable.code, unreadable.message)
    }
    if (transactions === undefined) return settler.refuse(batch, entry, ...this.#unsupported(entry))
    // The queue and the store are asked first.
    batch.turn.leave()
    await this.#keepAcks(entry.places?.keys ?? [])
    const beginning = await transactions.begin(record, targetName)
    if (beginning.kind === 'refused') {
      return settler.refuse(batch, entry, beginning.code, beginning.message)
    }
    if (beginning.kind === 'notYet') return settler.putBack(batch, [entry], beginning.delayMs)
    if (beginning.kind === 'done') {
      return settler.settle(batch, [entry], [{ status: 'superseded' }], this.#span(clock.now()))
    }
    await this.#attempt(batch, entry, beginning.run)
  }

  /** Progress that outlasts the acks of what came before, of the same keys, would leave that applied last. */
  async #keepAcks(keys: readonly string[]): Promise<void> {
    const { consumer, unsyncedAcks, acked } = this.#options
    const sync = async (): Promise<void> => {
      await acked()
      await consumer.sync?.()
    }
    if (consumer.sync === undefined || unsyncedAcks === undefined) return sync()
    if (unsyncedAcks.mayHave(keys)) await unsyncedAcks.syncedBy(sync)
  }

  async #attempt(batch: Batch, entry: Entry, run: TransactionRun): Promise<void> {
    const { settler, policy, consumer } = this.#options
    if (entry.interrupted > 0) {
      // What died with the process was not the fault of a mutation that went through.
      if (run.progressed) entry.spent = Math.max(0, entry.spent - entry.interrupted)
      else settler.noteInterruptions(entry)
    }
    if (entry.spent >= policy.retry.maxAttempts) {
      await run.end()
      return settler.exhausted(batch, entry)
    }
    if ((await batch.turn.enter()) === false) {
      await run.end()
      return settler.putBack(batch, [entry], 0)
    }
    await consumer.beginAttempts?.([entry.delivery])
    const series = this.#options.series()
    try {
      await this.#applyAll(batch, entry, run, series)
    } catch (error) {
      // What was applied may be applied again, as after a crash.
      await this.#options.queueFailed(batch, entry, error)
    } finally {
      series.end()
    }
  }

  async #applyAll(
    batch: Batch,
    entry: Entry,
    run: TransactionRun,
    series: ApplySeries,
  ): Promise<void> {
    const { settler, clock, gate, limits } = this.#options
    const started = clock.monotonic()
    const at = clock.now()
    let most: BatchLimits = limits.appliesInSequence ? limits : { ...limits, maxRecords: 1 }
    for (;;) {
      // What is there at once is not waited for: a wait for each would take as long as the rest of it.
      const next = run.next(most)
      const mutations = next instanceof Promise ? await next : next
      if (mutations.length === 0) {
        // For that the store syncs, which takes longer than to apply many a transaction.
        batch.makeRoom()
        await run.end()
        const span: Span = { at, durationMs: clock.monotonic() - started }
        return settler.settle(batch, [entry], undefined, span)
      }
      const step = await this.#step(batch, entry, mutations, series)
      batch.turn.leave()
      if (step === undefined) {
        await run.end()
        return settler.putBack(batch, [entry], 0)
      }
      entry.suspect = false
      if (step.done > 0) {
        const noting = run.advance(step.done)
        if (noting !== undefined) await noting
        gate.answered(batch.generation, step.done)
        entry.spent = 0
      }
      // A batch failed as a whole: then its mutations go one by one.
      if (step.done === 0 && step.failed === undefined) most = { ...most, maxRecords: 1 }
      if (step.failed !== undefined) return this.#failed(batch, entry, run, step.failed)
    }
  }

  /** So many of them as may go now, once any may: a mutation counts as a record. */
  async #paced(
    rate: RateLimit,
    mutations: readonly StoredRecord[],
  ): Promise<readonly StoredRecord[]> {
    const { clock, stop } = this.#options
    let allowed = rate.allowed(mutations.length)
    while (allowed === 0 && !stop.aborted) {
      await sleep(clock, Math.max(1, rate.waitMs(mutations.length)), stop)
      allowed = rate.allowed(mutations.length)
    }
    rate.spend(allowed)
    return mutations.slice(0, Math.max(1, allowed))
  }

  /** Undefined if it may not go on: the delivery stops, say. */
  async #step(
    batch: Batch,
    entry: Entry,
    mutations: readonly StoredRecord[],
    series: ApplySeries,
  ): Promise<Step | undefined> {
    const { rate, resultOf, mayGoOn } = this.#options
    const paced = rate === undefined ? mutations : await this.#paced(rate, mutations)
    const entering = batch.turn.enter()
    const isIn = entering === undefined || (await entering)
    if (!isIn || !mayGoOn(batch) || entry.lost) return undefined
    const first = paced[0] as StoredRecord
    const records = this.#decoded(paced)
    if (!Array.isArray(records)) return { done: 0, failed: { mutation: first, failure: records } }
    const end = await series.apply(records, entry.spent + 1)
    if (end.kind === 'stopped') return undefined
    const result = resultOf(end, records.length)
    if ('failure' in result) {
      const { failure } = result
      const blames = records.length === 1 || isOfTarget(failure)
      return { done: 0, failed: blames ? { mutation: first, failure } : undefined }
    }
    const { outcomes } = result
    const failed = outcomes === undefined ? -1 : outcomes.findIndex((one) => !isDone(one))
    if (failed === -1) return { done: records.length }
    const mutation = paced[failed] as StoredRecord
    return {
      done: failed,
      failed: { mutation, failure: failureOf(outcomes?.[failed] as FailureOutcome) },
    }
  }

  /** Those that can be decoded, up to the first that cannot; or why the first one cannot. */
  #decoded(mutations: readonly StoredRecord[]): WalRecord[] | Failure {
    const records: WalRecord[] = []
    try {
      for (const mutation of mutations) records.push(this.#options.decode(mutation))
    } catch (error) {
      if (records.length === 0) return undecodable(error)
    }
    return records
  }

  async #failed(
    batch: Batch,
    entry: Entry,
    run: TransactionRun,
    { mutation, failure }: NonNullable<Step['failed']>,
  ): Promise<void> {
    const { settler, clock } = this.#options
    run.failedAt(mutation)
    await run.end()
    const { op, key, transaction } = mutation
    const name = `Mutation ${transaction?.index} (${op} of ${key === undefined ? 'no key' : `'${key}'`})`
    const named = { ...failure, message: `${name}: ${failure.message}` }
    await settler.fail(batch, [entry], named, this.#span(clock.now()))
  }

  #span(at: number): Span {
    return { at, durationMs: 0 }
  }

  #unsupported({ delivery }: Entry): readonly [string, string] {
    const { namespace } = this.#options
    return [
      'ERR_NOT_SUPPORTED',
      `It stands for transaction ${delivery.record.transaction?.id}, and namespace '${namespace}' has no transactions any more. ` +
        `Set namespaces.${namespace}.transactions as it was, and redrive it.`,
    ]
  }
}

function isDone({ status }: Outcome): boolean {
  return status === 'applied' || status === 'superseded'
}

/** It says something of the target, and nothing of the records. */
export function isOfTarget(failure: Failure): boolean {
  return failure.class === 'throttled' || failure.class === 'unavailable'
}

function undecodable(error: unknown): Failure {
  const why = reasonOf(error)
  const message = `Its payload cannot be decoded: ${why}`
  return { class: 'permanent', code: 'ERR_UNDECODABLE', message }
}

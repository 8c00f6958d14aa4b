import type { Clock } from '../clock.ts'
import type { StoredDeadLetter } from '../dlq/dlq.ts'
import type { StoredRecord } from '../record.ts'
import type { FreshSets } from './fresh-sets.ts'
import type { HeadChanges } from './head-changes.ts'
import { type Marker, markerOf } from './marker.ts'
import { Recent } from './recent.ts'
import { type Inspection, inspectChunks } from './transaction-reading.ts'
import { OpenTransactionRun, type TransactionRunOptions } from './transaction-run.ts'
import type { TransactionBeginning, TransactionSource } from './transaction-source.ts'
import type { TransactionHead, TransactionStore } from './transaction-store.ts'

export interface TransactionsAtTargetsOptions {
  readonly namespace: string
  readonly store: TransactionStore
  readonly changes: HeadChanges
  readonly clock: Clock
  /** How long parts are waited for that the store does not show; 0 where it shows what it has at once. */
  readonly patienceMs: number
  /** What was sealed here a moment ago, where this process is the one that applies it. */
  readonly fresh?: FreshSets | undefined
}

/** Far more than are applied at a time. Beyond it chunks are read once more, or a letter does not say which mutation it was. */
const mostAtWork = 1_000
/** As many as a target holds, unless configured otherwise. Beyond it they are waited for anew. */
const mostWaiting = 100_000

/** Waits for parts that cannot be seen yet, in ms: half of the time waited so far, within these. */
const leastWaitMs = 50
const longestWaitMs = 10_000

const done: TransactionBeginning = { kind: 'done' }
const whole: Inspection = { parts: 'whole' }

/** The side of transactions that delivery sees: each target's way through their sets. */
export class TransactionsAtTargets implements TransactionSource {
  readonly #options: TransactionsAtTargetsOptions
  /** Ids of those whose chunks were found whole. */
  readonly #whole = new Recent<true>(mostAtWork)
  /** By id: since when parts are waited for, by the monotonic clock. */
  readonly #waiting = new Recent<number>(mostWaiting)
  /** By id and target: the mutation that failed last. */
  readonly #failed = new Recent<number>(mostAtWork)

  #lastRead:
    | { readonly payload: Uint8Array | undefined; readonly marker: Marker | undefined }
    | undefined

  constructor(options: TransactionsAtTargetsOptions) {
    this.#options = options
  }

  /** How much is remembered: for tests, as other processes may end what this one has begun. */
  get remembered(): number {
    return this.#whole.size + this.#waiting.size + this.#failed.size
  }

  keysOf(record: StoredRecord, target: string): readonly string[] | undefined {
    const marker = this.#read(record)
    // One that cannot be read is for every target to refuse.
    if (marker === undefined) return []
    if (!Object.hasOwn(marker.targets, target)) return undefined
    return marker.targets[target]?.keys ?? []
  }

  targetsOf(record: StoredRecord): readonly string[] {
    return Object.keys(this.#read(record)?.targets ?? {})
  }

  async begin(record: StoredRecord, target: string): Promise<TransactionBeginning> {
    const { fresh } = this.#options
    const id = record.transaction?.id ?? record.id
    const beginning = await this.#found(id, record, target)
    if (beginning.kind !== 'ready') fresh?.delete(id)
    return beginning
  }

  /** The marker cannot be applied, and is to become a dead letter. To be called before that is put. */
  async park({ record, target, code, message }: StoredDeadLetter): Promise<void> {
    const id = record.transaction?.id ?? record.id
    const index = this.#failed.get(nameOf(id, target))
    await this.#options.changes.progress(id, target, ({ state }) =>
      state === 'applied' || state === 'discarded'
        ? undefined
        : { state: 'parked', failure: { index, code, message } },
    )
    this.#failed.delete(nameOf(id, target))
    this.#options.fresh?.delete(id)
  }

  /** The dead letter was discarded: the rest will not be applied. */
  async discard({ record, target }: StoredDeadLetter): Promise<void> {
    const id = record.transaction?.id ?? record.id
    await this.#options.changes.progress(id, target, ({ state }) =>
      state === 'parked' ? { state: 'discarded' } : undefined,
    )
  }

  async #found(id: string, record: StoredRecord, target: string): Promise<TransactionBeginning> {
    const { store, fresh } = this.#options
    const head = await store.get(id)
    if (head === undefined || head.state === 'open') return this.#absent(id, head)
    const before = head.targets[target]
    if (before === undefined || before.state === 'applied' || before.state === 'discarded') {
      return done
    }
    if (head.version !== undefined && head.version !== record.version) return done
    // Where it was never told yes it is not applied.
    if (head.state === 'discarded') return done
    const set = fresh?.of(head)
    if (set !== undefined) return this.#begin(record, target, { fresh: set })
    const isKnown = this.#whole.get(id) === true
    const { parts, only } = isKnown ? whole : await inspectChunks(store, head)
    if (parts === 'missing') return this.#absent(id, head)
    if (parts === 'damaged') return damaged(id)
    this.#whole.set(id, true)
    this.#waiting.delete(id)
    return this.#begin(record, target, { only })
  }

  /** A marker is asked about several times in a row. */
  #read(record: StoredRecord): Marker | undefined {
    const { payload } = record
    if (payload === undefined || payload !== this.#lastRead?.payload) {
      this.#lastRead = { payload, marker: markerOf(record) }
    }
    return this.#lastRead.marker
  }

  async #begin(
    record: StoredRecord,
    target: string,
    found: Pick<TransactionRunOptions, 'only' | 'fresh'>,
  ): Promise<TransactionBeginning> {
    const { store, clock, changes, fresh } = this.#options
    const id = record.transaction?.id ?? record.id
    let progressed = false
    const head = await changes.progress(
      id,
      target,
      ({ state, applied, attemptedAt }) => {
        if (state === 'applied' || state === 'discarded') return undefined
        progressed = state === 'applying' && applied > attemptedAt
        return { state: 'applying', attemptedAt: applied, failure: undefined }
      },
      {
        ...{ lasting: false, version: record.version },
        mayWait: (before) => isFirstAttempt(before, target),
      },
    )
    // Another marker may have been first meanwhile.
    if (head === undefined || head.version !== record.version) return done
    const run = new OpenTransactionRun({
      store,
      changes,
      clock,
      head,
      target,
      marker: record,
      progressed,
      ...found,
      onFailed: (index) => this.#failed.set(nameOf(id, target), index),
      onApplied: (whole) => {
        this.#failed.delete(nameOf(id, target))
        if (!whole) return
        this.#whole.delete(id)
        fresh?.delete(id)
      },
      onStopped: () => fresh?.tried(id),
      onUnreadable: () => this.#whole.delete(id),
    })
    return { kind: 'ready', run }
  }

  #absent(id: string, head: TransactionHead | undefined): TransactionBeginning {
    const { clock, patienceMs, namespace } = this.#options
    const now = clock.monotonic()
    const since = this.#waiting.get(id) ?? now
    this.#waiting.set(id, since)
    const waitedMs = now - since
    if (waitedMs < patienceMs) {
      const delayMs = Math.min(longestWaitMs, Math.max(leastWaitMs, waitedMs / 2))
      return { kind: 'notYet', delayMs }
    }
    this.#waiting.delete(id)
    const what = head === undefined ? 'its head is' : 'parts of it are'
    return {
      kind: 'refused',
      code: 'ERR_TRANSACTION_INCOMPLETE',
      message:
        `Transaction ${id} of namespace '${namespace}' cannot be applied: ${what} not in the store of transactions. ` +
        'It may have been applied, and forgotten since (transactions.keep). If not, redrive its dead letter once the store has it again.',
    }
  }
}

/**
 * Of the first attempt nothing has to be known after a crash: the marker comes again, with the same version, and nothing was noted as
 * applied. Where there may be another marker, of another version, the one that has begun has to be known; and of a later attempt from
 * where it went on, or one mutation that kills the process could be taken for progress each time.
 */
function isFirstAttempt({ marker, targets }: TransactionHead, target: string): boolean {
  return marker?.isRepeat !== true && targets[target]?.state === 'waiting'
}

function damaged(id: string): TransactionBeginning {
  return {
    kind: 'refused',
    code: 'ERR_TRANSACTION_INCOMPLETE',
    message: `Transaction ${id} cannot be applied: what the store gives of it is not what was sealed. Nothing more of it was applied.`,
  }
}

function nameOf(id: string, target: string): string {
  return `${id} ${target}`
}

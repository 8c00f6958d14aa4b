import type { Duration } from './config/quantity.ts'
import { shown } from './error-text.ts'
import { WalError } from './errors.ts'
import { refused } from './producer/check-fields.ts'
import type { SendOutcome } from './producer/producer.ts'
import type { Queue } from './queue/queue.ts'
import type { HeldRecord, Recall, RecallFinding } from './queue/recall.ts'
import type { StoredRecord } from './record.ts'

/** When a record is to be due: so long after now, or at an instant (a Date, or ms since the epoch). */
export type NewTime =
  | { readonly delay: Duration; readonly at?: undefined }
  | { readonly at: Date | number; readonly delay?: undefined }

/**
 * What became of a call that named a delayed record, at one target.
 *
 * - `'cancelled'`, `'rescheduled'`: done, and lasting.
 * - `'tooLate'`: its time has come there: it was handed out, or is about to be.
 * - `'unknown'`: no delayed record with this id waits there. It is done with (applied, dead or
 *   cancelled), is meant for other targets, or never was.
 */
export type CancelFate = 'cancelled' | 'tooLate' | 'unknown'
/** See {@link CancelFate}. */
export type RescheduleFate = 'rescheduled' | 'tooLate' | 'unknown'

export interface DelayedRecordsOptions {
  readonly namespace: string
  readonly queue: Queue
  readonly targets: readonly string[]
  /** When it would be due; undefined for at once. Throws for what is no time, or too far ahead. */
  dueAt(time: NewTime): number | undefined
  send(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]>
}

/**
 * Takes delayed records back, and gives them another time, by their id. What it asks of a queue is
 * a `recall`: until that is over the records it holds are not handed out.
 *
 * Another time is a copy that is due then: written first, and the old one taken back once the copy
 * is durable. A crash in between leaves both, so that the record comes twice; never neither.
 */
export class DelayedRecords {
  readonly #options: DelayedRecordsOptions
  /** The last call that named an id, while it is under way: they come one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(options: DelayedRecordsOptions) {
    this.#options = options
  }

  /** See `Namespace.cancel`. */
  async cancel(id: string): Promise<Record<string, CancelFate>> {
    this.#check('cancel', id)
    return this.#inTurn(id, async () => {
      const recall = await this.#recall(id)
      await recall.takeBack()
      return fatesOf(recall, 'cancelled')
    })
  }

  /** See `Namespace.reschedule`. */
  async reschedule(id: string, time: NewTime): Promise<Record<string, RescheduleFate>> {
    this.#check('reschedule', id)
    if (typeof time !== 'object' || time === null) {
      const { namespace } = this.#options
      throw refused(namespace, `reschedule takes { delay } or { at }, not ${shown(time)}`)
    }
    // A mistake of the caller shows also where there is nothing to reschedule.
    this.#options.dueAt(time)
    return this.#inTurn(id, async () => {
      const recall = await this.#recall(id)
      try {
        await this.#copy(id, recall, this.#options.dueAt(time))
      } catch (error) {
        recall.letGo()
        throw error
      }
      await recall.takeBack()
      return fatesOf(recall, 'rescheduled')
    })
  }

  /** Resolves once no call is under way. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#turns.values())
  }

  async #copy(id: string, { held }: Recall, dueAt: number | undefined): Promise<void> {
    const copies = copiesOf(held, this.#options.targets).map((record) => ({ ...record, dueAt }))
    if (copies.length === 0) return
    const outcomes = await this.#options.send(copies)
    const failed = copies.findIndex((_, index) => outcomes[index]?.durable !== 'yes')
    if (failed === -1) return
    const { durable = 'unknown', error } = outcomes[failed] ?? {}
    throw new WalError(
      'ERR_NOT_DURABLE',
      `Record ${id} of namespace '${this.#options.namespace}' keeps its time: writing it with the ` +
        `new one ended with '${durable}'. ${error?.message ?? ''}` +
        (durable === 'no' ? '' : ' It may come at both.'),
      { cause: error, retryable: durable !== 'no' || error?.retryable === true },
    )
  }

  #check(call: string, id: unknown): void {
    const { namespace, queue } = this.#options
    if (typeof id !== 'string' || id === '') {
      throw refused(namespace, `${call} takes the id of a record, not ${shown(id)}`)
    }
    if (queue.recall) return
    throw new WalError(
      'ERR_NOT_SUPPORTED',
      `Namespace '${namespace}' cannot ${call} record ${id}: a ${queue.kind} queue does not give back ` +
        'what waits in it. Use a queue that does, such as the embedded log, or have the target pass over the record.',
    )
  }

  #recall(id: string): Promise<Recall> {
    return this.#options.queue.recall?.(id) ?? Promise.reject(new TypeError('No recall.'))
  }

  #inTurn<T>(id: string, run: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(id) ?? Promise.resolve()
    const result = before.then(run, run)
    this.#turns.set(id, result)
    const end = (): void => {
      if (this.#turns.get(id) === result) this.#turns.delete(id)
    }
    result.then(end, end)
    return result
  }
}

function fatesOf<Fate extends string>({ findings }: Recall, held: Fate) {
  const fates: Record<string, Fate | Exclude<RecallFinding, 'held'>> = {}
  for (const [target, finding] of findings) fates[target] = finding === 'held' ? held : finding
  return fates
}

/**
 * One copy for each target that the record waits for, or one for all of them. Several of one id are
 * alike but for their time.
 */
function copiesOf(held: readonly HeldRecord[], all: readonly string[]): readonly StoredRecord[] {
  const latest = new Map<string, StoredRecord>()
  for (const { record, targets } of held) for (const one of targets) latest.set(one, record)
  const records = new Set(latest.values())
  return [...records].flatMap((record) => {
    const targets = [...latest].filter(([, one]) => one === record).map(([target]) => target)
    if (record.target === undefined && targets.length === all.length) return [record]
    return targets.map((target) => ({ ...record, target }))
  })
}

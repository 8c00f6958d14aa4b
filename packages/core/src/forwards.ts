import { shown } from './error-text.ts'
import { isWalError, type WalError } from './errors.ts'
import { refused } from './producer/check-fields.ts'
import type { SendOutcome } from './producer/producer.ts'
import type { Patience } from './producer/queue-producer.ts'
import { type Receipt, receiptsOf } from './producer/receipt.ts'
import type { ForwardedRecord, StoredRecord } from './record.ts'
import { comesBack, trailOf } from './target/forwarding/trail.ts'
import type { Target } from './target/target.ts'

export interface ForwardsOptions {
  readonly namespace: string
  /** See `ApplyContext.place`. */
  readonly place: string
  /** Those to which what comes from elsewhere goes. */
  readonly targets: Readonly<Record<string, Pick<Target, 'idempotency' | 'passesOn'>>>
  /** The record as it is stored here. Throws a `WalError` for one that cannot be. */
  prepare(record: ForwardedRecord): StoredRecord
  send(records: readonly StoredRecord[], patience: Patience): Promise<readonly SendOutcome[]>
}

/**
 * Takes records into a namespace that exist already elsewhere. Each has a fate of its own, so that one
 * that is wrong harms no other: it is answered `'no'`, with the reason. One that comes back to where
 * it has been is answered `'yes'` and not stored again.
 */
export class Forwards {
  readonly #options: ForwardsOptions
  /** Where records last came from; more than two are not remembered. */
  readonly #sources = new Set<string>()
  #hasWarned = false

  constructor(options: ForwardsOptions) {
    this.#options = options
  }

  /** Takes note that records are written here too. */
  written(): void {
    if (this.#sources.size < 2) this.#sources.add('')
  }

  /** See `Namespace.forward`. */
  async run(records: readonly ForwardedRecord[], patience: Patience): Promise<readonly Receipt[]> {
    if (!Array.isArray(records)) {
      throw refused(
        this.#options.namespace,
        `forward takes an array of records, not ${shown(records)}`,
      )
    }
    const receipts = new Map<number, Receipt>()
    const stored: StoredRecord[] = []
    const places: number[] = []
    for (const [index, record] of records.entries()) {
      const prepared = this.#prepared(record)
      if ('durable' in prepared) {
        receipts.set(index, prepared)
      } else {
        stored.push(prepared)
        places.push(index)
      }
    }
    this.#warnOfOrder(stored)
    const outcomes = stored.length === 0 ? [] : await this.#options.send(stored, patience)
    for (const [at, receipt] of receiptsOf(outcomes, stored).entries()) {
      receipts.set(places[at] as number, receipt)
    }
    return records.map((_, index) => receipts.get(index) as Receipt)
  }

  #prepared(record: ForwardedRecord): StoredRecord | Receipt {
    const { prepare, place } = this.#options
    try {
      const prepared = prepare(record)
      if (!comesBack(prepared, place)) return prepared
      return { id: prepared.id, version: prepared.version, durable: 'yes' }
    } catch (error) {
      if (!isWalError(error)) throw error
      const { id, version } = (record ?? {}) as Partial<ForwardedRecord>
      const named = { id: String(id), version: typeof version === 'bigint' ? version : 0n }
      return { ...named, durable: 'no', message: error.message, error: error as WalError }
    }
  }

  /**
   * Records of one source keep their order. Where there are several, this namespace's own writes being
   * one, an older change of a key may come after a newer one, and only a guard by version sees that.
   */
  #warnOfOrder(stored: readonly StoredRecord[]): void {
    if (this.#hasWarned) return
    for (const { headers, origin } of stored) {
      if (this.#sources.size < 2) this.#sources.add(sourceOf(headers, origin))
    }
    const { namespace, targets } = this.#options
    const unguarded = Object.entries(targets)
      .filter(([, { idempotency, passesOn }]) => idempotency !== 'version' && passesOn !== true)
      .map(([name]) => name)
    if (this.#sources.size < 2 || unguarded.length === 0) return
    this.#hasWarned = true
    process.emitWarning(
      `Namespace '${namespace}' takes records from more than one source, and its target ` +
        `'${unguarded.join("', '")}' does not guard by version: where two write the same key, an older ` +
        'change may undo a newer one there. Guard by version, or let each key have one source.',
      { type: 'DaybookWarning', code: 'DAYBOOK_FORWARD_ORDER' },
    )
  }
}

/** The namespace it was sent from, whichever opening of it; its region where nothing more is known. */
function sourceOf(headers: StoredRecord['headers'], origin: string): string {
  const [place = origin] = trailOf(headers).at(-1)?.split('#') ?? []
  return place
}

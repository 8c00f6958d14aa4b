import type { WalRecord } from '../../../src/record.ts'
import {
  type ApplyContext,
  applied,
  type Outcome,
  type Target,
  transient,
} from '../../../src/target/target.ts'

/** One call of `apply`, as the target saw it. */
export interface Call {
  readonly ids: readonly string[]
  readonly context: ApplyContext
  readonly records: readonly WalRecord[]
}

type Answer = (record: WalRecord, context: ApplyContext) => Outcome | Promise<Outcome>

/** A target that answers as it is told, and remembers what it was asked. */
export class ScriptedTarget implements Target<unknown> {
  readonly idempotency = 'none'
  readonly calls: Call[] = []
  /** Answers per record id, used up one after the other; then records are applied. */
  readonly answers = new Map<string, Answer[]>()
  /** What every record is answered instead, while it is set. */
  always: Answer | undefined
  /** Runs before a batch is looked at; what it throws or resolves to is the batch's answer. */
  whole: ((records: readonly WalRecord[], context: ApplyContext) => unknown) | undefined
  readonly appliesInOrder: Target['appliesInOrder']
  readonly largestBatch: Target<unknown>['largestBatch']
  health?: (options: { readonly signal: AbortSignal }) => Promise<void>

  constructor(traits: Pick<Target<unknown>, 'appliesInOrder' | 'largestBatch'> = {}) {
    this.appliesInOrder = traits.appliesInOrder
    this.largestBatch = traits.largestBatch
  }

  /** The next answers for the record. */
  script(id: string, ...answers: (Outcome | Answer)[]): this {
    const more = answers.map((answer) => (typeof answer === 'function' ? answer : () => answer))
    this.answers.set(id, [...(this.answers.get(id) ?? []), ...more])
    return this
  }

  /** Ids in the order of the calls. */
  get seen(): readonly string[] {
    return this.calls.flatMap(({ ids }) => ids)
  }

  async apply(
    records: readonly WalRecord[],
    context: ApplyContext,
  ): Promise<readonly Outcome[] | undefined> {
    this.calls.push({ ids: records.map(({ id }) => id), context, records })
    const whole = await this.whole?.(records, context)
    if (whole !== undefined) return whole as readonly Outcome[]
    return Promise.all(
      records.map((record) => {
        const answer = this.answers.get(record.id)?.shift() ?? this.always
        return answer === undefined ? applied : answer(record, context)
      }),
    )
  }
}

/** A failure that may be the record's own. */
export const hiccup = transient('HICCUP', 'try again')

import type { WalRecord } from '../record.ts'
import { type ApplyContext, applied, type Outcome, type Target } from '../target/target.ts'

/** What {@link recordingTarget} answers, and any of a target's optional members. */
/** What a {@link recordingTarget} declares, and what it answers. */
export type RecordingTargetOptions<P> = Partial<Omit<Target<P>, 'apply'>> & {
  /** What to say of a record; default that it was applied. May throw, for the batch as a whole. */
  readonly answer?: (record: WalRecord<P>, context: ApplyContext) => Outcome | Promise<Outcome>
}

/** A target that stores nothing and remembers everything. */
export interface RecordingTarget<P> extends Target<P> {
  /** The records answered `'applied'`, in that order, repeats included. */
  readonly applied: readonly WalRecord<P>[]
  /** What each call of `apply` was given. */
  readonly batches: readonly (readonly WalRecord<P>[])[]
  /** Resolves once so many records have been applied; at once if they have been. */
  waitFor(count: number): Promise<void>
}

/** A target for tests: says `'applied'` unless told otherwise, and shows what it was given. */
export function recordingTarget<P = unknown>(
  options: RecordingTargetOptions<P> = {},
): RecordingTarget<P> {
  const { answer = () => applied, ...members } = options
  const batches: (readonly WalRecord<P>[])[] = []
  const records: WalRecord<P>[] = []
  let waiting: { readonly count: number; readonly resolve: () => void }[] = []

  const note = (record: WalRecord<P>): void => {
    records.push(record)
    for (const { count, resolve } of waiting) if (records.length >= count) resolve()
    waiting = waiting.filter(({ count }) => records.length < count)
  }

  return {
    idempotency: 'none',
    ...members,
    applied: records,
    batches,
    async apply(batch, context) {
      batches.push(batch)
      const outcomes: Outcome[] = []
      for (const record of batch) {
        const outcome = await answer(record, context)
        if (outcome.status === 'applied') note(record)
        outcomes.push(outcome)
      }
      return outcomes
    },
    waitFor(count) {
      if (records.length >= count) return Promise.resolve()
      return new Promise((resolve) => waiting.push({ count, resolve }))
    },
  }
}

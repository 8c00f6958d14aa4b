import type { WalRecord } from '../../src/record.ts'
import type { Outcome, Target } from '../../src/target/target.ts'

/** One call of `apply`, as core makes it. */
export async function applyTo<P>(
  target: Target<P>,
  ...records: readonly WalRecord<P>[]
): Promise<readonly Outcome[] | undefined> {
  const outcomes = await target.apply(records, {
    namespace: 'test',
    target: 'target',
    signal: new AbortController().signal,
    attempts: records.map((_, at) => at + 1),
  })
  return outcomes ?? undefined
}

import type { ApplyContext, Outcome, Target, WalRecord } from '@daybook/core'

/** Applies records as core does, and gives the outcomes. */
export async function applyTo(
  target: Target<never>,
  records: readonly WalRecord[],
  signal: AbortSignal = new AbortController().signal,
): Promise<readonly Outcome[]> {
  const attempts = records.map(() => 1)
  const context: ApplyContext = { namespace: 'films', target: 'cassandra', signal, attempts }
  return (await target.apply(records as never, context)) ?? []
}

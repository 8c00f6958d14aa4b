import type { ApplyContext, WalRecord } from '@daybook/core'

/** What an apply of these records is told. */
export function contextOf(
  records: readonly WalRecord[],
  { signal }: AbortController = new AbortController(),
): ApplyContext {
  return { namespace: 'films', target: 'search', signal, attempts: records.map(() => 1) }
}

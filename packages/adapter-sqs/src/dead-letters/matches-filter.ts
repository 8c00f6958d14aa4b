import type { DeadLetterFilter, StoredDeadLetter } from '@daybook/core'

/** Whether a letter is one of those meant. */
export function matchesFilter(letter: StoredDeadLetter, filter: DeadLetterFilter): boolean {
  const { target, key, code, since, until } = filter
  if (target !== undefined && letter.target !== target) return false
  if (key !== undefined && letter.record.key !== key) return false
  if (code !== undefined && letter.code !== code) return false
  return letter.at >= (since ?? letter.at) && (until === undefined || letter.at < until)
}

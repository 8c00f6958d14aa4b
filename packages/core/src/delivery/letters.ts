import { deadLetterId, type StoredDeadLetter } from '../dlq/dlq.ts'
import type { Entry } from './entry.ts'

/** The dead letter of a record that is given up; `now` in ms since the Unix epoch. */
export function letterOf(entry: Entry, target: string, now: number): StoredDeadLetter {
  const { delivery, spent, history } = entry
  const last = history.at(-1)
  return {
    id: deadLetterId(delivery.record, target),
    record: delivery.record,
    target,
    at: now,
    code: last?.code ?? 'UNKNOWN',
    message: last?.message ?? '',
    attemptsSpent: spent,
    attempts: history,
  }
}

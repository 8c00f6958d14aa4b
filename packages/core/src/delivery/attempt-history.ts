import type { Attempt } from '../consumer/consumer.ts'

/** Attempts of a history that are kept at its end, and one more at its beginning. */
const keptLast = 19

/** Longest message kept, in UTF-16 units: some stores answer with whole documents. */
const longestMessage = 2000

/** The history with one more attempt: the first one and the last 19 are kept. */
export function withAttempt(history: readonly Attempt[], attempt: Attempt): readonly Attempt[] {
  const { message } = attempt
  const short =
    message.length > longestMessage
      ? { ...attempt, message: `${message.slice(0, longestMessage)}…` }
      : attempt
  const [first, ...rest] = history
  if (first === undefined) return [short]
  return [first, ...rest.slice(-(keptLast - 1)), short].slice(0, keptLast + 1)
}

/**
 * The history with an entry for each attempt that ended with the death of the process: the queue
 * counts these, but nobody was left to write them down.
 */
export function withInterruptions(
  history: readonly Attempt[],
  interrupted: number,
  place: Pick<Attempt, 'at' | 'target'>,
): readonly Attempt[] {
  let known = history.filter((attempt) => attempt.class === 'interrupted').length
  let complete = history
  for (; known < Math.min(interrupted, keptLast); known++) {
    complete = withAttempt(complete, {
      ...place,
      durationMs: 0,
      class: 'interrupted',
      code: 'ERR_INTERRUPTED',
      message: 'The process died while this record was being applied',
    })
  }
  return complete
}

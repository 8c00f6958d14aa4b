import { type Outcome, unavailable } from '../target.ts'

/**
 * What an answer, or that there is none, says as a whole of records for another region. What is wrong with one of
 * them stands in the `results` of whoever takes them there, who writes them into a log and has nothing to do for which a
 * record may be too slow. So what failed without those may be tried again is the way there: an outage, which spends no attempt.
 *
 * @param isForwarded they were sent as `forwardReceiver` takes them. A success without `results` was not its answer then,
 * but that of something on the way, such as a page that says that all is being mended.
 */
export function outcomeAtPeer(outcome: Outcome, isForwarded: boolean): Outcome {
  if (outcome.status === 'transient') return { ...outcome, status: 'unavailable' }
  if (!isForwarded || (outcome.status !== 'applied' && outcome.status !== 'superseded')) {
    return outcome
  }
  const message = 'A success without `results`: what answers there is not `forwardReceiver`'
  return unavailable('HTTP_NO_RESULT', message)
}

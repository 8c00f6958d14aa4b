/** Fewer callers are never halved: a second sync for so few costs more than it saves. */
const worthHalving = 128

/**
 * How many records a group should hold before it leaves, after one of `answered` records is done
 * and `waiting` more have come in.
 *
 * A sync costs much the same for one record as for many, so a group should not leave just before
 * the callers that have been answered come back with their next record: it waits for as many
 * records as there are callers. Where these are many, half of them are enough: while one half is
 * written, the other half runs. (Measured with 256 callers of `write`, rounds in turn: 293,000
 * records a second, and 225,000 where they were halved only when their coming back took longer
 * than a group's write, which the write's own wait for the busy loop hides.)
 */
export function goalAfter(answered: number, waiting: number): number {
  const callers = answered + waiting
  return callers >= worthHalving ? Math.ceil(callers / 2) : callers
}

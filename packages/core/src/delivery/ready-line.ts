import type { Lane } from './lane.ts'

/**
 * The line of lanes that may go, the longest ready first. They are linked to each other rather than kept in a
 * set: every record joins and leaves it, and a set takes several times as long for that.
 */
export class ReadyLine {
  /** Records that the lanes in line count for. */
  records = 0
  #first: Lane | undefined
  #last: Lane | undefined

  /** The one that has stood in line longest; `behind` leads to the others. */
  get first(): Lane | undefined {
    return this.#first
  }

  /** From now on the lane counts for so many records: it joins at the end with the first, and leaves with 0. */
  count(lane: Lane, records: number): void {
    if (lane.counted === 0 && records > 0) this.#append(lane)
    else if (lane.counted > 0 && records === 0) this.#remove(lane)
    this.records += records - lane.counted
    lane.counted = records
  }

  *[Symbol.iterator](): Generator<Lane> {
    for (let lane = this.#first; lane !== undefined; lane = lane.behind) yield lane
  }

  clear(): void {
    while (this.#first !== undefined) this.count(this.#first, 0)
  }

  #append(lane: Lane): void {
    lane.ahead = this.#last
    if (this.#last === undefined) this.#first = lane
    else this.#last.behind = lane
    this.#last = lane
  }

  #remove(lane: Lane): void {
    const { ahead, behind } = lane
    if (ahead === undefined) this.#first = behind
    else ahead.behind = behind
    if (behind === undefined) this.#last = ahead
    else behind.ahead = ahead
    lane.ahead = undefined
    lane.behind = undefined
  }
}

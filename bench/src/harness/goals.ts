import type { Standing } from './rounds.ts'
import { pairedRatio, type Summary } from './statistics.ts'

/** How much faster than a peer ours is meant to be. */
export interface Goal {
  readonly peer: string
  /** Ours divided by the peer's records per second, at least. */
  readonly ratio: number
}

export interface Comparison {
  readonly contestant: string
  readonly peer: string
  /** Records per second of the contestant over those of the peer, round by round. */
  readonly ratio: Summary
  readonly goal: number
  readonly reached: boolean
}

/** Holds one contestant against its goals, by the median of the rounds. */
export function compare(
  contestant: string,
  goals: readonly Goal[],
  standings: readonly Standing[],
): Comparison[] {
  const rates = (name: string): number[] => {
    const standing = standings.find((one) => one.contestant === name)
    if (standing === undefined) throw new Error(`no contestant is called ${name}`)
    return standing.rounds.map((round) => round.recordsPerSecond)
  }
  return goals.map(({ peer, ratio: goal }) => {
    const ratio = pairedRatio(rates(contestant), rates(peer))
    return { contestant, peer, ratio, goal, reached: ratio.median >= goal }
  })
}

import type { Contestant } from '../peers/contestant.ts'
import { Meter, type Reading, type RoundTimes } from './meter.ts'
import type { Workspace } from './workspace.ts'
import type { WritersNotes } from './writers.ts'

/** One contestant's round. */
export interface Round extends Reading {
  /** Records per sync that it was told to use, if it was told. */
  readonly groupRecords: number
  readonly notes: WritersNotes | undefined
}

/** All rounds of one contestant, in the order in which they ran. */
export interface Standing {
  readonly contestant: string
  readonly rounds: readonly Round[]
}

export interface ContestOptions {
  readonly contestants: readonly Contestant[]
  /** The one whose seen group size the others are told. It must have writers. */
  readonly reference: Contestant
  readonly rounds: number
  readonly times: RoundTimes
  readonly payloadBytes: number
  readonly writers: number
  readonly workspace: Workspace
  /** Called before each round; `round` is 0 for the warm-up, then counts from 1. */
  onRound?(contestant: string, round: number): void
}

/**
 * Lets the contestants take turns, so that whatever else the machine does meanwhile hits all of
 * them alike. Each gets a fresh directory at each turn. One more turn goes first and is thrown
 * away: it warms up compiler, caches and disk, and tells the group size.
 */
export async function runContest(options: ContestOptions): Promise<Standing[]> {
  const { contestants, reference } = options
  const rounds = new Map<string, Round[]>(contestants.map(({ name }) => [name, []]))
  let groupRecords = options.writers
  const take = async (contestant: Contestant, round: number): Promise<void> => {
    options.onRound?.(contestant.name, round)
    const result = await runRound(contestant, groupRecords, options)
    if (contestant === reference) groupRecords = result.notes?.groups?.mean ?? groupRecords
    if (round > 0) rounds.get(contestant.name)?.push(result)
  }

  await take(reference, 0)
  for (const contestant of contestants) if (contestant !== reference) await take(contestant, 0)
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const contestant of contestants) await take(contestant, round)
  }
  return [...rounds].map(([contestant, its]) => ({ contestant, rounds: its }))
}

function runRound(
  contestant: Contestant,
  groupRecords: number,
  { times, payloadBytes, writers, workspace }: ContestOptions,
): Promise<Round> {
  return workspace.use(async (directory) => {
    const meter = new Meter(times)
    const task = { directory, meter, payloadBytes, writers, groupRecords }
    const notes = await contestant.run(task)
    return { ...meter.reading(), groupRecords, notes }
  })
}

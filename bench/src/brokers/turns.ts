/** What one round of one contestant came to. */
export interface BrokerRound {
  readonly recordsPerSecond: number
  /** Processor time of this process for each record, in microseconds. */
  readonly cpuMicros: number
  /** Records in one call to the broker, on average; undefined where the broker decides. */
  readonly batchRecords: number | undefined
}

/** One who takes part: ours, or the bare client. */
export interface BrokerContestant {
  /** Short, and unique within its contest. */
  readonly name: string
  /** One round. `batchRecords` is what ours was seen to put into one call, for those who are told. */
  run(batchRecords: number): Promise<BrokerRound>
}

/** Ours against the bare client, at one thing that a client does. */
export interface BrokerContest {
  /** What it is about: `writing, kafkajs`. */
  readonly about: string
  readonly ours: BrokerContestant
  readonly bare: readonly BrokerContestant[]
  /** Ours divided by the bare client's records per second, at least. */
  readonly goal: number
}

/** All rounds of a contest, by the contestants' names. Ours comes first. */
export type BrokerStandings = ReadonlyMap<string, readonly BrokerRound[]>

/**
 * Lets the contestants take turns, so that whatever else the machine does hits all of them. A first turn
 * of each is thrown away: it warms up compiler and broker, and tells the size of ours' batches. Both warm up
 * for longer than that, which favours who comes later: so each begins a round in turn.
 */
export async function takeTurns(
  { ours, bare }: BrokerContest,
  rounds: number,
  onTurn: (contestant: string, round: number) => void,
): Promise<BrokerStandings> {
  const standings = new Map<string, BrokerRound[]>()
  let batchRecords = 1
  for (let round = 0; round <= rounds; round += 1) {
    for (const contestant of begunBy(round, [ours, ...bare])) {
      onTurn(contestant.name, round)
      const result = await contestant.run(batchRecords)
      if (contestant === ours) batchRecords = Math.max(1, Math.round(result.batchRecords ?? 1))
      const its = standings.get(contestant.name) ?? []
      standings.set(contestant.name, its)
      if (round > 0) its.push(result)
    }
  }
  return standings
}

/** The contestants in the order of that round; ours begins the first two. */
function begunBy(
  round: number,
  contestants: readonly BrokerContestant[],
): readonly BrokerContestant[] {
  const first = Math.max(0, round - 1) % contestants.length
  return [...contestants.slice(first), ...contestants.slice(0, first)]
}

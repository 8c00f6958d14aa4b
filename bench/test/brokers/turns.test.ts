import { describe, expect, it } from 'vitest'
import { printContests, reportOf } from '../../src/brokers/broker-report.ts'
import { type BrokerContest, takeTurns } from '../../src/brokers/turns.ts'

/** Ours takes 10 at a time; how fast it is, and the bare client, is said turn by turn. */
function contest(ours: readonly number[], bare: readonly number[]) {
  const told: number[] = []
  const one = (rates: readonly number[], batchRecords: number | undefined, name: string) => {
    let turn = 0
    return {
      name,
      run: async (batch: number) => {
        if (name === 'bare') told.push(batch)
        return { recordsPerSecond: rates[turn++] ?? 0, cpuMicros: 2, batchRecords }
      },
    }
  }
  const its: BrokerContest = {
    about: 'writing',
    ours: one(ours, 9.6, 'ours'),
    bare: [one(bare, undefined, 'bare')],
    goal: 0.9,
  }
  return { its, told }
}

describe('takeTurns', () => {
  it('tells the bare client the size of our batches, and throws the first turn away', async () => {
    const { its, told } = contest([1, 100, 200], [2, 110, 190])
    const standings = await takeTurns(its, 2, () => {})
    expect(told).toEqual([10, 10, 10])
    expect(standings.get('ours')?.map((round) => round.recordsPerSecond)).toEqual([100, 200])
    expect(standings.get('bare')).toHaveLength(2)
  })

  it('lets each begin a round in turn, ours those that warm up and count first', async () => {
    const { its } = contest([], [])
    const turns: string[] = []
    await takeTurns(its, 3, (name, round) => turns.push(`${name} ${round}`))
    const first = ['ours 0', 'bare 0', 'ours 1', 'bare 1']
    expect(turns).toEqual([...first, 'bare 2', 'ours 2', 'ours 3', 'bare 3'])
  })
})

describe('reportOf', () => {
  it('holds ours against the bare client turn by turn, and against the goal by the median', async () => {
    const { its } = contest([1, 80, 100, 90], [2, 100, 100, 100])
    const report = reportOf(its, await takeTurns(its, 3, () => {}))
    const [comparison] = report.comparisons
    expect(comparison).toMatchObject({ peer: 'bare', goal: 0.9, reached: true })
    expect(comparison?.ratio).toMatchObject({ min: 0.8, median: 0.9, max: 1 })
    const { its: slower } = contest([1, 80, 100, 89], [2, 100, 100, 100])
    const missed = reportOf(slower, await takeTurns(slower, 3, () => {}))
    expect(missed.comparisons[0]?.reached).toBe(false)
  })

  it('is printed with a dash where the broker decides how much is in a call', async () => {
    const { its } = contest([1, 80], [2, 100])
    const contests = [reportOf(its, await takeTurns(its, 1, () => {}))]
    const machine = {
      ...{ cpu: 'a cpu', cores: 2, memoryBytes: 1e9, platform: 'p', node: 'v24' },
      ...{ fileSystem: 'ext4', freeDiskBytes: 1e9 },
    }
    const text = printContests(
      {
        ...{ benchmark: 'kafka', startedAt: '', options: { rounds: 1 }, machine, contests },
        load: { before: 0, after: 0, othersShare: 0 },
      },
      'Something.',
      false,
    )
    expect(text).toMatch(/writing: bare +100 +100 to 100 +2\.0 +-/)
    expect(text).toMatch(/ours \/ bare +0\.80 \(0\.80 to 0\.80\) +at least 0\.9 +not reached/)
  })
})

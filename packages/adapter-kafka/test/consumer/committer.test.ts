import { VirtualClock } from '@daybook/core/testing'
import { describe, expect, it } from 'vitest'
import { Committer } from '../../src/consumer/committer.ts'
import { isHandover } from '../../src/kafka-errors.ts'

const commit = { topic: 'titles', partition: 0, offset: 1, metadata: '' }

/** A committer whose commits come to what `outcomes` says, one after the other, and then to success. */
function committerOf(outcomes: readonly (string | undefined)[]) {
  const left = [...outcomes]
  const clock = new VirtualClock()
  const told: unknown[] = []
  const committer = new Committer({
    clock,
    collect: () => [commit],
    async commit() {
      const type = left.shift()
      if (type !== undefined) throw Object.assign(new Error(type), { type })
    },
    isPassing: isHandover,
    failed: (error) => told.push((error as { type: string }).type),
  })
  return { committer, clock, told }
}

describe('commits that fail', () => {
  it('are told of at once, and once for failures in a row', async () => {
    const { committer, clock, told } = committerOf(['TIMEOUT', 'TIMEOUT', undefined, 'TIMEOUT'])
    await committer.now()
    expect(told).toEqual(['TIMEOUT'])
    await clock.advance(10_000)
    expect(told).toEqual(['TIMEOUT'])
    await committer.now()
    expect(told).toEqual(['TIMEOUT', 'TIMEOUT'])
  })

  it('are no news where a handover ends them', async () => {
    const handover = ['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID']
    const { committer, clock, told } = committerOf(handover)
    await committer.now()
    await clock.advance(10_000)
    expect(told).toEqual([])
  })

  it('are told of where a handover does not end, or hides another failure', async () => {
    const { committer, clock, told } = committerOf(
      Array.from({ length: 10 }, () => 'UNKNOWN_MEMBER_ID'),
    )
    await committer.now()
    await clock.advance(60_000)
    expect(told).toEqual(['UNKNOWN_MEMBER_ID'])
    const hidden = committerOf(['UNKNOWN_MEMBER_ID', 'TIMEOUT'])
    await hidden.committer.now()
    await hidden.clock.advance(1_000)
    expect(hidden.told).toEqual(['TIMEOUT'])
  })
})

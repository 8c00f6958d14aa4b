import { describe, expect, it } from 'vitest'
import { DeadLetters, type DeadLettersContext } from '../../src/dlq/dead-letters.ts'
import { deadLetterId, type StoredDeadLetter } from '../../src/dlq/dlq.ts'
import { type Redrive, redriveLetters } from '../../src/dlq/redrive.ts'
import { makeStoredRecord } from '../../src/testing/make-record.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'

/** One letter is redriven; what it needs of its namespace does as it is told. */
async function redrive(parts: Partial<Redrive>, queue: object = {}) {
  const record = makeStoredRecord({})
  const id = deadLetterId(record, 't')
  const letter = { id, target: 't', record, attempts: [], damaged: false } as never
  async function* letters(): AsyncIterable<StoredDeadLetter> {
    yield letter
  }
  const redrive = {
    queue: { get: async () => letter, remove: async () => 1, ...queue },
    clock: new VirtualClock(),
    hasTarget: () => true,
    send: async () => ({ durable: 'yes' }),
    expect: () => {},
    lettersHoldKeys: false,
    closing: new AbortController().signal,
    claimed: new Map(),
    ...parts,
  } as unknown as Redrive
  return (await redriveLetters(redrive, letters(), {})).failed[0]?.error
}

describe('a redrive that fails by itself', () => {
  it('says that the record is back where only its letter could not be removed', async () => {
    const error = await redrive({}, { remove: () => Promise.reject(new Error('no room')) })
    expect(error).toMatchObject({
      code: 'ERR_IO',
      message: expect.stringMatching(/back in the queue, but .* could not be removed: no room/),
    })
  })

  it('does not blame an edit that was not made', async () => {
    const error = await redrive({}, { get: () => Promise.reject(new Error('unreadable')) })
    expect(error).toMatchObject({ code: 'ERR_IO', message: expect.stringContaining('unreadable') })
    expect(error?.message).not.toContain('edit')
  })

  it('reports the ids that cannot be read, and those it has redriven beside them', async () => {
    const record = makeStoredRecord({})
    const letters = new DeadLetters({
      queue: {
        get: async (id: string) => {
          if (id === 'unreadable') throw new Error('cut')
          return { id, target: 't', record, attempts: [], damaged: false }
        },
        remove: async () => 1,
      },
      clock: new VirtualClock(),
      hasTarget: () => true,
      send: async () => ({ durable: 'yes' }),
      expect: () => {},
      lettersHoldKeys: false,
      closing: new AbortController().signal,
      claimed: new Map(),
    } as unknown as DeadLettersContext)
    const report = await letters.redrive({ ids: ['a', 'unreadable', 'b'] })
    expect(report.redriven).toEqual(['a', 'b'])
    expect(report.failed).toMatchObject([{ id: 'unreadable', error: { code: 'ERR_IO' } }])
  })
})

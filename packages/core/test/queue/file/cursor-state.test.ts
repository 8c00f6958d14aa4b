import { describe, expect, it } from 'vitest'
import { type AttemptState, noAttempts } from '../../../src/consumer/consumer.ts'
import { readChanges } from '../../../src/queue/file/cursor-changes.ts'
import { CursorState } from '../../../src/queue/file/cursor-state.ts'

const failedTwice: AttemptState = { ...noAttempts, spent: 2 }

describe('CursorState', () => {
  it('remembers nothing of attempts for what is done with, in whichever order it is told', () => {
    const state = new CursorState()
    state.begun([1, 5], 10)
    state.attempts(6, failedTwice)
    state.attempts(7, failedTwice)
    state.acked([1, 4])
    state.acked([6, 6])
    state.begun([3, 6], 10)
    state.attempts(2, failedTwice)
    state.acked([7, 1_000_000])
    expect([...state.underWay.keys()]).toEqual([5])
    expect([...state.tried.keys()]).toEqual([])
    expect(state.interrupt('search')).toBe(1)
    expect([...state.tried.keys()]).toEqual([5])
    expect(state.underWay.size).toBe(0)
  })

  it('is the same again once made from its contents, however large', () => {
    const state = new CursorState()
    for (let sequence = 2; sequence < 200_000; sequence += 2) state.acked([sequence, sequence])
    for (let sequence = 1; sequence < 4000; sequence += 2) {
      if (sequence % 3 === 0) state.attempts(sequence, failedTwice)
      else state.begun([sequence, sequence], sequence)
    }
    const again = new CursorState()
    let bodies = 0
    for (const body of state.contents()) {
      bodies++
      expect(body.byteLength).toBeLessThan(1 << 18)
      readChanges(body, again)
    }
    expect(bodies).toBeGreaterThan(3)
    expect([...again.done.ranges()]).toEqual([...state.done.ranges()])
    expect(again.tried).toEqual(state.tried)
    expect(again.underWay).toEqual(state.underWay)
  })
})

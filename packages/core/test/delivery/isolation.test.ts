import { describe, expect, it } from 'vitest'
import { noAttempts } from '../../src/consumer/consumer.ts'
import { Isolation, Turn } from '../../src/delivery/isolation.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { harness } from './support/harness.ts'

function visit(isolation: Isolation, alone: boolean, signal = new AbortController().signal) {
  const pass = { alone }
  const state = { inside: false, leave: () => isolation.leave(pass) }
  const turn = isolation.enter(pass, signal)
  if (turn === undefined) state.inside = true
  else
    void turn.then((isIn) => {
      state.inside = isIn
    })
  return state
}

const settled = () => new Promise(setImmediate)

describe('Isolation', () => {
  it('lets any number in side by side, at once', () => {
    const isolation = new Isolation()
    expect(visit(isolation, false).inside).toBe(true)
    expect(visit(isolation, false).inside).toBe(true)
  })

  it('lets one in alone when the others have left, and nobody beside it', async () => {
    const isolation = new Isolation()
    const [first, second] = [visit(isolation, false), visit(isolation, false)]
    const alone = visit(isolation, true)
    const later = visit(isolation, false)
    first.leave()
    await settled()
    expect([alone.inside, later.inside]).toEqual([false, false])
    second.leave()
    await settled()
    expect([alone.inside, later.inside]).toEqual([true, false])
    alone.leave()
    await settled()
    expect(later.inside).toBe(true)
  })

  it('takes those who would be alone one after the other', async () => {
    const isolation = new Isolation()
    const visits = [true, true, true].map((alone) => visit(isolation, alone))
    for (const [index, one] of visits.entries()) {
      await settled()
      expect(visits.map(({ inside }) => inside)).toEqual(visits.map((_, i) => i <= index))
      one.leave()
    }
    expect(visit(isolation, false).inside).toBe(true)
  })
  it('lets one out of the line whose signal aborts, and goes on behind it', async () => {
    const isolation = new Isolation()
    const first = visit(isolation, false)
    const stopping = new AbortController()
    const alone = visit(isolation, true, stopping.signal)
    const later = visit(isolation, false)
    stopping.abort()
    await settled()
    expect([alone.inside, later.inside]).toEqual([false, true])
    first.leave()
    later.leave()
    expect(visit(isolation, true).inside).toBe(true)
  })

  it('takes nobody into the line whose signal has aborted', async () => {
    const isolation = new Isolation()
    visit(isolation, true)
    const late = visit(isolation, true, AbortSignal.abort())
    await settled()
    expect(late.inside).toBe(false)
  })
})

describe('the turn of a batch', () => {
  it('is over once it has left, comes again, and counts once however often that is said', async () => {
    const isolation = new Isolation()
    const { signal } = new AbortController()
    const turn = new Turn(isolation, { alone: false }, signal)
    const alone = new Turn(isolation, { alone: true }, signal)
    expect(turn.enter()).toBeUndefined()
    expect(turn.enter()).toBeUndefined()
    const waiting = alone.enter()
    turn.leave()
    turn.leave()
    expect(await waiting).toBe(true)
    const again = turn.enter()
    expect(again).toBeInstanceOf(Promise)
    alone.leave()
    expect(await again).toBe(true)
  })

  it('does not come where its signal aborts before', async () => {
    const isolation = new Isolation()
    visit(isolation, true)
    const turn = new Turn(isolation, { alone: false }, AbortSignal.abort())
    expect(await turn.enter()).toBe(false)
    turn.leave()
    expect(visit(isolation, true).inside).toBe(false)
  })

  it('is over when the target has answered, however long the queue takes to keep that', async () => {
    const isolation = new Isolation()
    const queue = new FakeQueue()
    queue.add()
    const silent = { saveAttempts: () => new Promise<void>(() => {}) }
    const consumer = Object.assign(queue.consumer(), silent)
    const h = harness({ queue, consumer, options: { isolation } })
    h.target.whole = async () => {
      throw new Error('once more')
    }
    await h.start()
    expect(h.target.calls).toHaveLength(1)
    expect(visit(isolation, true).inside).toBe(true)
  })

  it('is over after a while where the policy bounds it, once for all that are bounded', async () => {
    const isolation = new Isolation()
    const hangs = (concurrency: number) => {
      const queue = new FakeQueue()
      for (let at = 0; at < 4; at++)
        queue.add({ key: `k${at}` }, { attempts: { ...noAttempts, spent: 1, interrupted: 1 } })
      const batch = { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }
      const policy = { applyTimeoutMs: 10_000, aloneForMs: 1000, concurrency, batch }
      const h = harness({ queue, policy, options: { isolation } })
      h.target.whole = () => new Promise(() => {})
      return h
    }
    const peers = [hangs(4), hangs(2)] as const
    for (const h of peers) await h.start()
    const other = visit(isolation, false)
    await peers[0].clock.advance(999)
    const calls = () => peers.map(({ target }) => target.calls.length)
    expect({ inside: other.inside, calls: calls() }).toEqual({ inside: false, calls: [1, 0] })
    await peers[0].clock.advance(1)
    await settled()
    expect({ inside: other.inside, calls: calls() }).toEqual({ inside: true, calls: [4, 2] })
    other.leave()
    const alone = visit(isolation, true)
    await peers[0].clock.advance(999)
    await peers[1].clock.advance(999)
    expect(alone.inside).toBe(false)
    for (const { clock } of peers) await clock.advance(1001)
    await settled()
    expect(alone.inside).toBe(true)
  })
})

import { describe, expect, test } from 'vitest'
import { applied } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'

/** Resolves when the signal aborts, or never. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
}

const quick = { applyTimeoutMs: 1000, retry: { maxAttempts: 2, minDelayMs: 10, maxDelayMs: 10 } }

describe('an apply that takes too long', () => {
  test('is aborted, and counts as a failed attempt', async () => {
    const h = harness({ policy: quick })
    h.queue.add()
    const reasons: unknown[] = []
    h.target.whole = (_, { signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      return aborted(signal)
    }
    expect(await h.run()).toMatchObject({ dead: 1 })
    expect(h.target.calls).toHaveLength(2)
    expect(reasons).toMatchObject([{ name: 'TimeoutError' }, { name: 'TimeoutError' }])
    expect(h.events.letters[0]).toMatchObject({ code: 'ERR_APPLY_TIMEOUT' })
    expect(h.events.letters[0]?.attempts).toMatchObject([
      { class: 'timeout', durationMs: 1000 },
      { class: 'timeout', durationMs: 1000 },
    ])
    expect(h.events.errors).toEqual([])
  })

  test('counts as what it answers, if it answers within the grace', async () => {
    const h = harness({ policy: quick })
    h.queue.add()
    h.target.whole = () =>
      new Promise((resolve) => h.clock.setTimer(1900, () => resolve([applied])))
    expect(await h.run()).toMatchObject({ applied: 1, dead: 0 })
    expect(h.target.calls).toHaveLength(1)
  })

  test('holds its key until it has settled', async () => {
    const h = harness({ policy: quick })
    h.queue.add()
    h.queue.add()
    h.target.whole = (records) =>
      records[0]?.id === 'r1'
        ? new Promise((resolve) => h.clock.setTimer(1900, () => resolve([applied])))
        : undefined
    await h.start()
    await h.clock.advance(1899)
    expect(h.target.seen).toEqual(['r1'])
    await h.clock.advance(1)
    expect(h.target.seen).toEqual(['r1', 'r2'])
  })

  test('that ignores its signal is given up after the grace, and reported by name', async () => {
    const h = harness({ policy: { ...quick, applyGraceMs: 500 } })
    h.queue.add()
    h.target.whole = () => new Promise(() => {})
    await h.start()
    await h.clock.advance(1499)
    expect(h.events.retries).toEqual([])
    await h.clock.advance(1)
    expect(h.events.retries).toMatchObject([{ attempt: { class: 'timeout' }, spent: 1 }])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_APPLY_TIMEOUT' }])
    expect(h.events.errors[0]?.message).toContain(
      "Namespace 'films', target 'search': An apply took longer than 1000 ms",
    )
  })

  test('as a batch is halved like any other failure', async () => {
    const h = harness({ policy: quick })
    h.queue.addMany(4)
    h.target.whole = (records, { signal }) =>
      records.some(({ id }) => id === 'r3') ? aborted(signal) : undefined
    expect(await h.run()).toMatchObject({ applied: 3, dead: 1 })
    expect(h.events.letters).toMatchObject([{ record: { id: 'r3' }, attemptsSpent: 2 }])
  })
})

import { describe, expect, test } from 'vitest'
import { harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

describe('a stop', () => {
  test('lets what is being applied finish, and acks it', async () => {
    const h = harness()
    h.queue.addMany(3)
    h.target.whole = () => new Promise((resolve) => h.clock.setTimer(500, () => resolve(undefined)))
    await h.start()
    await h.stop(1000)
    expect(h.queue.left).toEqual([])
    expect(h.clock.monotonic()).toBe(500)
  })

  test('begins nothing new, and gives the rest back', async () => {
    const h = harness({
      policy: { batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }, concurrency: 1 },
    })
    h.queue.addMany(3)
    h.target.whole = () => new Promise((resolve) => h.clock.setTimer(500, () => resolve(undefined)))
    await h.start()
    await h.stop(1000)
    expect(h.target.seen).toEqual(['r1'])
    expect(h.queue.left).toEqual(['r2', 'r3'])
    expect(h.queue.leased).toBe(0)
  })

  test('in the midst of an outage does not make dead letters at the next start', async () => {
    const policy = { retry: { maxAttempts: 1, minDelayMs: 1, maxDelayMs: 1 } }
    const first = harness({
      policy: { ...policy, batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 } },
    })
    first.queue.addMany(5)
    const hang = new Promise<never>(() => {})
    first.target.always = ({ id }) => (id === 'r5' ? hang : hiccup)
    await first.start()
    await first.stop()
    expect(first.events.letters).toEqual([])
    const second = harness({ queue: first.queue, policy })
    expect(await second.run()).toMatchObject({ applied: 5, dead: 0 })
  })

  test('gives a key back from its last record to its first', async () => {
    const h = harness()
    for (const key of ['a', 'a', 'b', 'a', 'b']) h.queue.add({ key })
    h.target.script('r1', hiccup)
    h.target.script('r3', hiccup)
    await h.start()
    await h.stop()
    const released = h.queue.released.map(({ delivery }) => delivery.record.id)
    expect(released.filter((id) => ['r1', 'r2', 'r4'].includes(id))).toEqual(['r4', 'r2', 'r1'])
    expect(released.filter((id) => ['r3', 'r5'].includes(id))).toEqual(['r5', 'r3'])
    expect(h.queue.released.find(({ delivery }) => delivery.record.id === 'r1')).toMatchObject({
      attempts: { spent: 1 },
      delayMs: 0,
    })
  })

  test('gives back what waits, what is ready and what is out, where there is no order', async () => {
    const batch = { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }
    const retry = { maxAttempts: 8, minDelayMs: 1e9, maxDelayMs: 1e9 }
    const h = harness({ policy: { order: 'none', batch, retry, concurrency: 2 } })
    h.queue.addMany(5)
    const hang = new Promise<never>(() => {})
    h.target.always = ({ id }) => (id === 'r2' || id === 'r3' ? hang : hiccup)
    await h.start()
    await h.stop()
    const released = h.queue.released.map(({ delivery }) => delivery.record.id)
    expect(released.toSorted()).toEqual(['r1', 'r2', 'r3', 'r4', 'r5'])
    expect(h.queue.leased).toBe(0)
  })

  test('aborts at its deadline, and costs the aborted records no attempt', async () => {
    const h = harness({ policy: { applyTimeoutMs: 60_000 } })
    h.queue.addMany(2)
    h.target.whole = (_, { signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    await h.start()
    await h.stop(1000)
    expect(h.clock.monotonic()).toBe(1000)
    expect(h.queue.leased).toBe(0)
    expect(h.queue.released).toMatchObject([{ attempts: { spent: 0 } }, { attempts: { spent: 0 } }])
    expect(h.queue.slots.every(({ begun }) => !begun)).toBe(true)
  })

  test('does not wait for a target that ignores its signal, nor for what it says later', async () => {
    const h = harness({ policy: { applyTimeoutMs: 60_000 } })
    h.queue.add()
    let answer: (value: unknown) => void = () => {}
    h.target.whole = () =>
      new Promise((resolve) => {
        answer = resolve
      })
    await h.start()
    await h.stop(1000)
    expect(h.clock.monotonic()).toBe(2000)
    expect(h.queue.left).toEqual(['r1'])
    expect(h.queue.leased).toBe(0)
    answer(undefined)
    await h.clock.settle()
    expect(h.queue.acks).toEqual([])
    expect(h.events.appliedIds).toEqual([])
  })

  test('leaves no timer behind', async () => {
    const h = harness({ policy: { batch: { maxRecords: 10, maxBytes: 1e6, lingerMs: 5 } } })
    h.queue.addMany(30)
    h.target.always = () => hiccup
    await h.start()
    await h.clock.advance(50)
    await h.stop()
    expect(h.clock.pendingTimers).toBe(0)
  })

  test('hands over acks that had failed before', async () => {
    const h = harness()
    h.queue.add()
    h.queue.failNext('ack')
    await h.start()
    expect(h.queue.left).toEqual(['r1'])
    await h.stop()
    expect(h.queue.left).toEqual([])
  })

  test('ends the drains that are waiting', async () => {
    const h = harness()
    h.queue.add()
    h.target.always = () => hiccup
    await h.start()
    const report = h.delivery.drain({ includeDelayed: false })
    await h.clock.settle()
    await h.stop()
    expect(await report).toMatchObject({ pending: 1 })
  })

  test('waits for a stop that is under way', async () => {
    const h = harness()
    await h.start()
    await Promise.all([h.stop(), h.stop()])
    expect(h.queue.pulls).toHaveLength(1)
  })
})

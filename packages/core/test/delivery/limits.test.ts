import { describe, expect, test } from 'vitest'
import { DeliveryBudget } from '../../src/delivery/budget.ts'
import { applied, held } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { harness } from './support/harness.ts'
import { hiccup, ScriptedTarget } from './support/scripted-target.ts'

describe('limits of a delivery', () => {
  test('no more records are pulled than may be held behind a failing one', async () => {
    const h = harness({ policy: { held: { maxRecords: 50, maxBytes: 1e9 } } })
    for (let index = 0; index < 2000; index++) h.queue.add({ key: 'same' })
    h.target.script('r1', hiccup)
    h.target.whole = (records) =>
      records[0]?.id === 'r1'
        ? new Promise((resolve) => h.clock.setTimer(100, () => resolve(undefined)))
        : undefined
    await h.start()
    expect(await h.delivery.status()).toMatchObject({ full: true, held: 50, inFlight: 1 })
    expect(h.queue.mostLeased).toBe(51)
    expect(await h.drain()).toMatchObject({ applied: 2000 })
    expect(h.target.seen).toEqual(['r1', ...h.queue.slots.map(({ record }) => record.id)])
    expect(h.queue.mostLeased).toBeLessThanOrEqual(60)
  })

  test('no more bytes are pulled than may be held', async () => {
    const h = harness({ policy: { held: { maxRecords: 1e6, maxBytes: 1000 } } })
    h.queue.addMany(100)
    h.target.whole = () => new Promise((resolve) => h.clock.setTimer(1, () => resolve(undefined)))
    expect(await h.run()).toMatchObject({ applied: 100 })
    // 100 bytes each.
    expect(h.queue.mostLeased).toBeLessThanOrEqual(10)
  })

  test('payloads that wait do not count where they can be read again', async () => {
    const h = harness({ policy: { held: { maxRecords: 1e6, maxBytes: 1000 } } })
    for (let index = 0; index < 30; index++) h.queue.add({ key: 'same' })
    h.queue.add({ key: 'other' })
    h.target.script('r1', hiccup)
    await h.start()
    expect(h.target.seen).toEqual(['r1', 'r31'])
  })

  test('without a way to read again, held bytes stop the pulling', async () => {
    const queue = new FakeQueue()
    const h = harness({
      queue,
      consumer: queue.consumer({ reload: false }),
      policy: { held: { maxRecords: 1e6, maxBytes: 1000 } },
    })
    for (let index = 0; index < 30; index++) queue.add({ key: 'same' })
    h.target.script('r1', hiccup)
    await h.start()
    expect(queue.mostLeased).toBe(10)
    expect(await h.drain()).toMatchObject({ applied: 30 })
  })

  test('records go at the rate that is set, after a burst', async () => {
    const h = harness({ policy: { rateLimit: { perSecond: 100, burst: 20 } } })
    h.queue.addMany(120)
    await h.start()
    expect(h.target.seen).toHaveLength(20)
    await h.clock.advance(500)
    expect(h.target.seen).toHaveLength(70)
    await h.clock.advance(500)
    expect(h.target.seen).toHaveLength(120)
    expect(h.target.calls.length).toBeLessThan(30)
  })

  test('what is put off without being sent takes nothing of the rate from others', async () => {
    const h = harness({ policy: { rateLimit: { perSecond: 10, burst: 10 } } })
    const untried = held('AWAY', 'nobody there', { retryAfterMs: 1000, untried: true })
    h.target.always = ({ key }) => (key?.startsWith('away') ? untried : applied)
    for (let index = 0; index < 200; index++) h.queue.add({ key: `away${index}` })
    await h.start()
    await h.clock.advance(5000)
    for (let second = 0; second < 10; second++) {
      for (let index = 0; index < 10; index++) h.queue.add({ key: `k${second}.${index}` })
      await h.clock.advance(1000)
    }
    expect(h.events.appliedIds.length).toBeGreaterThanOrEqual(90)
    // What was sent counts, whatever came of it.
    h.target.always = () => held('AWAY', 'nobody there', { retryAfterMs: 1000 })
    const before = h.target.seen.length
    await h.clock.advance(5000)
    expect(h.target.seen.length - before).toBeLessThanOrEqual(60)
  })

  test('nor does what stands behind that in its key', async () => {
    const target = new ScriptedTarget({ appliesInOrder: 'key' })
    const batch = { maxRecords: 50, maxBytes: 1e6, lingerMs: 0 }
    const h = harness({ target, policy: { rateLimit: { perSecond: 1000, burst: 1000 }, batch } })
    const untried = held('AWAY', 'nobody there', { retryAfterMs: 1000, untried: true })
    target.always = ({ key }) => (key?.startsWith('away') ? untried : applied)
    for (let index = 0; index < 1500; index++) h.queue.add({ key: `away${index % 30}` })
    await h.start()
    await h.clock.advance(5000)
    for (let round = 0; round < 200; round++) {
      for (let index = 0; index < 9; index++) h.queue.add({ key: `k${round}.${index}` })
      await h.clock.advance(10)
    }
    expect(h.events.appliedIds.length).toBeGreaterThan(1700)
  })

  test('a rate below one a second is kept as well', async () => {
    const h = harness({ policy: { rateLimit: { perSecond: 0.1, burst: 1 } } })
    h.queue.addMany(3)
    await h.start()
    await h.clock.advance(19_999)
    expect(h.target.seen).toHaveLength(2)
    await h.clock.advance(1)
    expect(h.target.seen).toHaveLength(3)
  })

  test('targets of a shard take turns at its budget', async () => {
    const budget = new DeliveryBudget({ concurrency: 1, bytes: 1e9 })
    const turns: string[] = []
    const policy = { concurrency: 8, batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 } }
    const first = harness({ policy, options: { budget } })
    const others = ['b', 'c'].map(() =>
      harness({ policy, clock: first.clock, options: { budget } }),
    )
    for (const [index, h] of [first, ...others].entries()) {
      h.queue.addMany(index === 0 ? 20 : 5)
      h.target.whole = () => {
        turns.push('abc'[index] as string)
        return new Promise((resolve) => first.clock.setTimer(10, () => resolve(undefined)))
      }
    }
    for (const h of [first, ...others]) await h.start()
    await first.clock.advance(1000)
    expect(turns.slice(0, 13).join('')).toBe('aabcabcabcabc')
    expect(turns).toHaveLength(30)
    expect(budget).toMatchObject({ usedSlots: 0, usedBytes: 0 })
  })

  test('a target with large batches is not starved by those with small ones', async () => {
    const budget = new DeliveryBudget({ concurrency: 100, bytes: 1000 })
    const small = harness({
      policy: { concurrency: 100, batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 } },
      options: { budget },
    })
    const large = harness({
      clock: small.clock,
      options: { budget },
      target: new ScriptedTarget({ largestBatch: { maxRecords: 1 } }),
    })
    small.target.whole = () =>
      new Promise((resolve) => small.clock.setTimer(10, () => resolve(undefined)))
    small.queue.addMany(1000)
    await small.start()
    large.queue.add({}, { bytes: 900 })
    await large.start()
    await small.clock.advance(20)
    expect(large.events.appliedIds).toEqual(['r1'])
    expect(small.events.appliedIds.length).toBeLessThan(50)
  })

  test('a pull that fails is told of and tried again', async () => {
    const h = harness()
    h.queue.add()
    h.queue.failNext('pull', 'the disk is gone')
    h.queue.failNext('pull', 'the disk is gone')
    expect(await h.run()).toMatchObject({ applied: 1 })
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }, { code: 'ERR_IO' }])
    expect(h.events.errors[0]?.message).toContain('the disk is gone')
  })

  test('a delivery with nothing to do sets no timer and asks the queue once', async () => {
    const h = harness()
    await h.start()
    await h.clock.advance(3_600_000)
    expect(h.clock.pendingTimers).toBe(0)
    expect(h.queue.pulls).toHaveLength(1)
  })

  test('one timer serves all backoffs', async () => {
    const h = harness({ policy: { breaker: { failures: 1000, minOpenMs: 1, maxOpenMs: 1 } } })
    h.queue.addMany(100)
    h.target.always = () => hiccup
    await h.start()
    expect(h.clock.pendingTimers).toBe(1)
  })
})

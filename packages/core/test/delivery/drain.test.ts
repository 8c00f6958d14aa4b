import { describe, expect, test } from 'vitest'
import { permanent, superseded, unavailable } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

describe('a drain', () => {
  test('counts what became of the records that were there at the call, and of no others', async () => {
    const h = harness()
    h.queue.addMany(4)
    h.target.script('r1', superseded).script('r2', permanent('NO', 'never')).script('r3', hiccup)
    const report = h.delivery.drain({ includeDelayed: false })
    await h.clock.settle()
    h.queue.addMany(3)
    await h.delivery.start()
    expect(await h.clock.runUntil(report)).toEqual({
      applied: 2,
      superseded: 1,
      dead: 1,
      lost: 0,
      blocked: 0,
      pending: 0,
    })
  })

  test('ends as soon as the last ack has gone through', async () => {
    const h = harness()
    h.queue.addMany(250)
    expect(await h.run()).toMatchObject({ applied: 250 })
    expect(h.clock.monotonic()).toBe(0)
  })

  test('of an empty queue ends at once', async () => {
    const h = harness()
    expect(await h.run()).toMatchObject({ applied: 0, pending: 0 })
    expect(h.clock.monotonic()).toBe(0)
  })

  test('waits an outage out', async () => {
    const h = harness()
    h.queue.addMany(5)
    h.target.always = () => unavailable('DOWN', 'nobody is there')
    await h.start()
    h.clock.setTimer(3_600_000, () => {
      h.target.always = undefined
    })
    expect(await h.drain(7_200_000)).toMatchObject({ applied: 5, pending: 0 })
  })

  test('says what is pending when its time is up', async () => {
    const h = harness()
    h.queue.addMany(5)
    h.target.always = ({ id }) => (id === 'r1' ? { status: 'applied' } : unavailable('DOWN', '…'))
    const report = h.delivery.drain({ includeDelayed: false, timeoutMs: 5000 })
    await h.delivery.start()
    expect(await h.clock.runUntil(report)).toMatchObject({ applied: 1, pending: 4 })
    expect(h.clock.monotonic()).toBe(5000)
  })

  test('says what is pending when its signal aborts, also if it has done so before', async () => {
    const h = harness()
    h.queue.add()
    h.target.always = () => hiccup
    await h.start()
    const controller = new AbortController()
    const report = h.delivery.drain({ includeDelayed: false, signal: controller.signal })
    await h.clock.settle()
    controller.abort()
    await h.clock.settle()
    expect(await report).toMatchObject({ pending: 1 })
    const { signal } = controller
    expect(await h.delivery.drain({ includeDelayed: false, signal })).toMatchObject({ pending: 1 })
  })

  test('waits until the acks have gone through', async () => {
    const h = harness()
    h.queue.add()
    h.queue.failNext('ack')
    expect(await h.run()).toMatchObject({ applied: 1, pending: 0 })
    expect(h.queue.left).toEqual([])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }])
  })

  test('ends after a silence where the queue cannot tell what is left', async () => {
    const h = harness()
    h.queue.cannotTell = true
    h.queue.addMany(3)
    h.target.script('r2', hiccup)
    expect(await h.run()).toMatchObject({ applied: 3, pending: 0 })
    expect(h.clock.monotonic()).toBeGreaterThanOrEqual(2000)
  })

  test('keeps silent for as long as the queue says that something may be hidden', async () => {
    const h = harness()
    h.queue.cannotTell = true
    h.queue.silenceMs = 30_000
    h.queue.addMany(1)
    h.clock.setTimer(25_000, () => h.queue.addMany(1))
    const report = h.run()
    h.clock.setTimer(40_000, () => {
      h.queue.silenceMs = 0
    })
    expect(await report).toMatchObject({ applied: 1, pending: 0 })
    expect(h.clock.monotonic()).toBeGreaterThanOrEqual(30_000)
    expect(h.clock.monotonic()).toBeLessThan(40_000)
  })

  test('does not take for silence that the queue fails, and is left alone for a while', async () => {
    const h = harness()
    h.queue.cannotTell = true
    h.queue.addMany(1)
    for (let pull = 0; pull < 10; pull++) h.queue.failNext('pull')
    expect(await h.run()).toMatchObject({ applied: 1, pending: 0 })
  })

  test('of one delivery and another drain of it do not disturb each other', async () => {
    const h = harness()
    h.queue.addMany(2)
    const first = h.delivery.drain({ includeDelayed: false })
    await h.clock.settle()
    h.queue.addMany(1)
    const second = h.delivery.drain({ includeDelayed: false })
    await h.clock.settle()
    await h.delivery.start()
    expect(await h.clock.runUntil(Promise.all([first, second]))).toMatchObject([
      { applied: 2 },
      { applied: 3 },
    ])
  })
})

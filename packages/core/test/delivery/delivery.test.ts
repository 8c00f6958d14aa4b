import { describe, expect, test } from 'vitest'
import { permanent, superseded } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

describe('delivery', () => {
  test('applies what is in the queue and acks it', async () => {
    const h = harness()
    h.queue.addMany(250)
    expect(await h.run()).toEqual({
      applied: 250,
      superseded: 0,
      dead: 0,
      lost: 0,
      blocked: 0,
      pending: 0,
    })
    expect(h.queue.left).toEqual([])
    expect(h.events.appliedIds).toHaveLength(250)
    expect(h.target.calls.every(({ ids }) => ids.length <= 100)).toBe(true)
  })

  test('applies what is written after the start', async () => {
    const h = harness()
    await h.start()
    h.queue.add()
    await h.clock.settle()
    expect(h.target.seen).toEqual(['r1'])
    expect(h.queue.left).toEqual([])
  })

  test('gives the target decoded payloads and the number of the attempt', async () => {
    const h = harness()
    h.queue.add({ payload: new TextEncoder().encode('{"title":"Heat"}') })
    h.target.script('r1', hiccup)
    await h.run()
    expect(h.target.calls[0]?.records[0]?.payload).toEqual({ title: 'Heat' })
    expect(h.target.calls.map(({ context }) => context.attempts)).toEqual([[1], [2]])
    expect(h.target.calls[0]?.context).toMatchObject({ namespace: 'films', target: 'search' })
  })

  test('counts a superseded record as done, and tells so', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', superseded)
    expect(await h.run()).toMatchObject({ applied: 0, superseded: 1, pending: 0 })
    expect(h.events.supersededIds).toEqual(['r1'])
    expect(await h.delivery.status()).toMatchObject({ superseded: 1, pending: 0 })
  })

  test('acks a record meant for another target without applying it', async () => {
    const h = harness()
    h.queue.add({ target: 'cassandra' })
    h.queue.add({ target: 'search' })
    expect(await h.run()).toMatchObject({ applied: 1, pending: 0 })
    expect(h.target.seen).toEqual(['r2'])
    expect(h.queue.acks.toSorted()).toEqual(['r1', 'r2'])
  })

  test('dead-letters a permanent failure at once, with its history, before it acks', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', permanent('TOO_LONG', 'the title is too long'))
    await h.start()
    await h.clock.settle()
    expect(h.target.calls).toHaveLength(1)
    const letter = h.deadLetters.letters.get('r1.0:search')
    expect(letter).toMatchObject({
      target: 'search',
      code: 'TOO_LONG',
      message: 'the title is too long',
      attemptsSpent: 1,
      attempts: [{ class: 'permanent', code: 'TOO_LONG', target: 'search', durationMs: 0 }],
    })
    expect(h.events.letters).toEqual([letter])
    expect(h.queue.left).toEqual([])
  })

  test('retries a transient failure with backoff and dead-letters it once its attempts are spent', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 3, minDelayMs: 100, maxDelayMs: 1000 } } })
    h.queue.add()
    h.target.always = () => hiccup
    expect(await h.run()).toMatchObject({ applied: 0, dead: 1 })
    expect(h.target.calls).toHaveLength(3)
    expect(h.events.retries.map(({ spent }) => spent)).toEqual([1, 2])
    const [first, second] = h.events.retries.map(({ delayMs }) => delayMs)
    expect(first).toBeLessThan(100)
    expect(second).toBeLessThan(200)
    expect(h.events.letters[0]).toMatchObject({ attemptsSpent: 3, code: 'HICCUP' })
    expect(h.events.letters[0]?.attempts).toHaveLength(3)
  })

  test('tells of a record that recovered, and how many attempts it had spent', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', hiccup, hiccup)
    expect(await h.run()).toMatchObject({ applied: 1, dead: 0 })
    expect(h.events.recoveries).toMatchObject([{ spent: 2 }])
    expect(await h.delivery.status()).toMatchObject({ applied: 1, retried: 2 })
  })

  test('waits at least as long as the target asks before it retries', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', { ...hiccup, retryAfterMs: 7000 })
    await h.start()
    await h.clock.advance(6999)
    expect(h.target.calls).toHaveLength(1)
    await h.clock.advance(1)
    expect(h.target.calls).toHaveLength(2)
  })

  test('drops a record that cannot be applied only where dead letters are off, and says so', async () => {
    const h = harness({ options: { deadLetters: undefined } })
    h.queue.add()
    h.target.script('r1', permanent('NO', 'never'))
    expect(await h.run()).toMatchObject({ dead: 0, lost: 1 })
    expect(h.events.losses).toMatchObject([{ record: { id: 'r1' }, attempts: [{ code: 'NO' }] }])
    expect(h.queue.left).toEqual([])
  })

  test('dead-letters at once what its codec cannot decode, and applies the others', async () => {
    const h = harness()
    h.queue.add({ payload: new TextEncoder().encode('{oops'), key: 'a' })
    h.queue.add({ key: 'b' })
    expect(await h.run()).toMatchObject({ applied: 1, dead: 1 })
    expect(h.target.seen).toEqual(['r2'])
    expect(h.events.letters[0]).toMatchObject({ code: 'ERR_UNDECODABLE', attemptsSpent: 0 })
  })

  test('keeps on delivering when a listener throws', async () => {
    const h = harness()
    const thrown: unknown[] = []
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.once('uncaughtException', (error) => thrown.push(error))
    h.events.applied = () => {
      throw new Error('a bug of the listener')
    }
    h.queue.add()
    await h.start()
    await h.clock.settle()
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(h.queue.left).toEqual([])
    expect(thrown).toMatchObject([{ message: 'a bug of the listener' }])
  })
})

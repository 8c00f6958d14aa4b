import { describe, expect, test } from 'vitest'
import { noAttempts } from '../../src/consumer/consumer.ts'
import { WalError } from '../../src/errors.ts'
import { transient, unavailable } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

const patient = { retry: { maxAttempts: 30, minDelayMs: 10_000, maxDelayMs: 10_000 } }
const briefly = { minDelayMs: 1, maxDelayMs: 1 }

describe('attempts', () => {
  test('are kept by the queue over a restart, with their history', async () => {
    const queue = new FakeQueue()
    queue.add()
    const first = harness({ queue, policy: patient })
    first.target.always = () => hiccup
    await first.start()
    await first.stop()
    queue.kill()
    const second = harness({
      queue,
      clock: first.clock,
      policy: { retry: { maxAttempts: 2, minDelayMs: 1, maxDelayMs: 1 } },
    })
    second.target.always = () => hiccup
    expect(await second.run()).toMatchObject({ dead: 1 })
    expect(second.target.calls.map(({ context }) => context.attempts)).toEqual([[2]])
    expect(second.events.letters[0]).toMatchObject({ attemptsSpent: 2 })
    expect(second.events.letters[0]?.attempts).toHaveLength(2)
    expect(await second.delivery.status()).toMatchObject({ redelivered: 1 })
  })

  test('of a record handed out after a restart wait out what is left of their backoff, in order', async () => {
    const h = harness()
    const notBefore = h.clock.now() + 7000
    h.queue.add({}, { attempts: { ...noAttempts, spent: 1, notBefore } })
    h.queue.add()
    h.queue.add({ key: 'other' })
    await h.start()
    await h.clock.advance(6999)
    expect(h.target.seen).toEqual(['r3'])
    await h.clock.advance(1)
    expect(h.target.seen).toEqual(['r3', 'r1', 'r2'])
  })

  test('are not all spent for records whose process dies before it is clear whose fault it was', async () => {
    const queue = new FakeQueue()
    queue.addMany(2)
    const first = harness({ queue })
    first.target.always = () => hiccup
    first.target.script('r2', transient('LATER', 'not now', { retryAfterMs: 600_000 }))
    await first.start()
    await first.clock.advance(60_000)
    expect(first.target.seen.filter((id) => id === 'r1')).toHaveLength(3)
    queue.kill()
    const second = harness({ queue, clock: first.clock })
    await second.start()
    expect(second.events.appliedIds).toEqual(['r1'])
    expect(second.target.calls[0]?.context.attempts).toEqual([3])
    expect(second.events.letters).toEqual([])
  })

  test('are noted before they begin, and told of when they have failed', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', () => {
      expect(h.queue.slots[0]?.begun).toBe(true)
      return hiccup
    })
    await h.start()
    expect(h.queue.slots[0]).toMatchObject({ begun: false, attempts: { spent: 1, interrupted: 0 } })
    expect(h.queue.saved).toMatchObject([
      { attempts: { spent: 1, history: [{ class: 'transient', code: 'HICCUP' }] } },
    ])
  })

  test('of those that follow are told of ahead, but for records that cannot bear losing one', async () => {
    const one = { batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }, concurrency: 1 }
    const h = harness({
      policy: { ...one, retry: { maxAttempts: 3, minDelayMs: 1, maxDelayMs: 1 } },
    })
    for (const key of ['a', 'b', 'a', 'c', 'd']) h.queue.add({ key })
    h.queue.add({ key: 'e' }, { attempts: { ...noAttempts, spent: 2 } })
    await h.start()
    await h.drain()
    // r1 and r2, then r3 behind r1; r6 has one attempt left.
    expect(h.queue.soon.slice(0, 2)).toEqual([
      ['r2', 'r4', 'r5'],
      ['r4', 'r5', 'r3'],
    ])
    expect(h.queue.soon.flat()).not.toContain('r6')
  })

  test('are not told of ahead while an earlier record of the key may come again', async () => {
    const one = { batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }, concurrency: 1 }
    const h = harness({ policy: one })
    for (const key of ['a', 'b', 'a']) h.queue.add({ key })
    h.queue.failNext('ack')
    await h.start()
    await h.drain()
    expect(h.queue.soon.slice(0, 2)).toEqual([['r2'], []])
  })

  test('are not told of ahead while the target is asked whether it is back', async () => {
    const one = { batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }, concurrency: 1 }
    const h = harness({ policy: one })
    h.queue.addMany(3)
    h.target.script('r1', unavailable('DOWN', 'not there'))
    await h.start()
    await h.drain()
    expect(h.queue.soon.slice(0, 2)).toEqual([['r2', 'r3'], []])
  })

  test('are not told of ahead while one is made that may kill the process once more', async () => {
    const one = { batch: { maxRecords: 1, maxBytes: 1e6, lingerMs: 0 }, concurrency: 1 }
    const h = harness({ policy: one })
    h.queue.add({ key: 'a' }, { attempts: { ...noAttempts, spent: 1, interrupted: 1 } })
    for (const key of ['b', 'c']) h.queue.add({ key })
    await h.start()
    await h.drain()
    expect(h.queue.soon.slice(0, 2)).toEqual([[], ['r3']])
  })

  test('that are not noted do not begin: the queue is asked again after a while', async () => {
    const h = harness()
    h.queue.add()
    h.queue.failNext('beginAttempts')
    await h.start()
    expect(h.target.calls).toEqual([])
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }])
    expect(await h.drain()).toMatchObject({ applied: 1 })
    expect(h.target.calls[0]?.context.attempts).toEqual([1])
  })

  test('are made apart from the others by records that were under way when a process died', async () => {
    const queue = new FakeQueue()
    queue.addMany(3)
    const first = harness({ queue })
    first.target.whole = () => new Promise(() => {})
    await first.start()
    queue.kill()
    queue.addMany(2)
    const second = harness({ queue })
    expect(await second.run()).toMatchObject({ applied: 5 })
    expect(second.target.calls.map(({ ids }) => ids)).toEqual([
      ['r1', 'r2', 'r3'],
      ['r4', 'r5'],
    ])
    expect(second.target.calls.map(({ context }) => context.attempts)).toEqual([
      [2, 2, 2],
      [1, 1],
    ])
  })

  test('are made alone by a record that was under way at a second death, or has one attempt left', async () => {
    for (const maxAttempts of [2, 5]) {
      const queue = new FakeQueue()
      queue.addMany(3)
      for (let deaths = 0; deaths < Math.min(2, maxAttempts - 1); deaths++) {
        const h = harness({ queue, policy: { retry: { ...briefly, maxAttempts } } })
        h.target.whole = () => new Promise(() => {})
        await h.start()
        queue.kill()
      }
      const last = harness({ queue, policy: { retry: { ...briefly, maxAttempts } } })
      expect(await last.run()).toMatchObject({ applied: 3 })
      expect(last.target.calls.map(({ ids }) => ids)).toEqual([['r1'], ['r2'], ['r3']])
    }
  })

  test('of a record that kills the process every time come to an end in the dead-letter queue', async () => {
    const queue = new FakeQueue()
    queue.add()
    for (let life = 0; life < 3; life++) {
      const h = harness({ queue })
      h.target.whole = () => new Promise(() => {})
      await h.start()
      expect(h.target.calls).toHaveLength(1)
      queue.kill()
    }
    const last = harness({ queue })
    expect(await last.run()).toMatchObject({ dead: 1 })
    expect(last.target.calls).toEqual([])
    expect(last.events.letters[0]).toMatchObject({ code: 'ERR_INTERRUPTED', attemptsSpent: 3 })
    expect(last.events.letters[0]?.attempts.map((attempt) => attempt.class)).toEqual([
      'interrupted',
      'interrupted',
      'interrupted',
    ])
  })

  test('are made alone where only the count of hand-outs hints at a killer', async () => {
    const queue = new FakeQueue()
    const h = harness({ queue, consumer: queue.consumer({ marks: false }) })
    queue.add({ key: 'a' })
    queue.add({ key: 'b' }, { handOuts: 50 })
    await h.run()
    expect(h.target.calls.map(({ ids }) => ids)).toEqual([['r1'], ['r2']])
  })

  test('keep the first and the last 19 in their history', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 30, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.add()
    let attempt = 0
    h.target.always = () => ({ ...hiccup, message: `failure ${++attempt}` })
    await h.run()
    const [letter] = h.events.letters
    expect(letter?.attemptsSpent).toBe(30)
    expect(letter?.attempts.map(({ message }) => message)).toEqual([
      'failure 1',
      ...Array.from({ length: 19 }, (_, index) => `failure ${index + 12}`),
    ])
  })

  test('that the queue cannot keep go on all the same, and are reported', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', hiccup)
    h.queue.failNext('saveAttempts')
    expect(await h.run()).toMatchObject({ applied: 1 })
    expect(h.events.errors).toMatchObject([{ code: 'ERR_IO' }])
  })

  test('are not made for what the queue could not read: it is dead-lettered at once', async () => {
    const h = harness()
    h.queue.add({}, { unreadable: new WalError('ERR_CORRUPT_LOG', 'the envelope is damaged') })
    h.queue.add()
    expect(await h.run()).toMatchObject({ applied: 1, dead: 1 })
    expect(h.target.seen).toEqual(['r2'])
    expect(h.events.letters[0]).toMatchObject({
      code: 'ERR_CORRUPT_LOG',
      attemptsSpent: 0,
      attempts: [{ class: 'permanent', message: 'the envelope is damaged' }],
    })
  })
})

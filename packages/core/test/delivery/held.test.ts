import { describe, expect, test } from 'vitest'
import { sleep } from '../../src/clock.ts'
import { applied, held, transient } from '../../src/target/target.ts'
import { FakeQueue } from './support/fake-queue.ts'
import { harness } from './support/harness.ts'

const notYet = held('EARLY', 'not before five', { retryAfterMs: 5000 })

describe('a record that its target holds', () => {
  test('waits as long as it was told, with its key, while others go on', async () => {
    const h = harness()
    h.queue.add()
    h.queue.add()
    h.queue.add({ key: 'other' })
    h.target.script('r1', notYet)
    await h.start()
    await h.clock.advance(4999)
    expect(h.events.appliedIds).toEqual(['r3'])
    await h.clock.advance(1)
    expect(h.events.appliedIds).toEqual(['r3', 'r1', 'r2'])
  })

  test('spends no attempt however often it is held, and is no retry', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 1, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.add()
    h.target.script('r1', ...Array.from({ length: 100 }, () => notYet))
    expect(await h.run()).toMatchObject({ applied: 1, dead: 0 })
    expect(h.target.calls.at(-1)?.context.attempts).toEqual([1])
    expect(await h.delivery.status()).toMatchObject({ retried: 0, breaker: 'closed' })
    expect(h.events.retries).toEqual([])
    expect(h.events.recoveries).toEqual([])
  })

  test('is told of once, with when it is asked again', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', notYet, notYet, notYet)
    const until = h.clock.now() + 5000
    await h.run()
    expect(h.events.holds).toMatchObject([
      { record: { id: 'r1' }, code: 'EARLY', message: 'not before five', until },
    ])
  })

  test('waits a second where nothing is said, and never less than ten milliseconds', async () => {
    const h = harness()
    h.queue.add()
    h.queue.add({ key: 'other' })
    h.target.script('r1', held('EARLY', 'later'))
    h.target.script('r2', held('EARLY', 'later', { retryAfterMs: 0 }))
    await h.start()
    await h.clock.advance(9)
    expect(h.target.seen).toEqual(['r1', 'r2'])
    await h.clock.advance(1)
    expect(h.target.seen).toEqual(['r1', 'r2', 'r2'])
    await h.clock.advance(989)
    expect(h.target.seen).toHaveLength(3)
    await h.clock.advance(1)
    expect(h.target.seen).toHaveLength(4)
  })

  test('shows that the target is there, and closes its breaker', async () => {
    const h = harness()
    h.queue.add()
    h.target.whole = () => {
      throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
    }
    await h.start()
    expect(await h.delivery.status()).toMatchObject({ breaker: 'open' })
    h.target.whole = undefined
    h.target.script('r1', notYet)
    await h.clock.advance(1000)
    expect(await h.delivery.status()).toMatchObject({ breaker: 'closed' })
  })

  test('does not end a run of failures, for nobody was asked whether it is over', async () => {
    const h = harness({ policy: { breaker: { failures: 3, minOpenMs: 1000, maxOpenMs: 1000 } } })
    for (const key of ['a', 'b', 'c', 'd']) h.queue.add({ key })
    h.target.always = () => transient('FAULT', 'so it is')
    await h.start()
    expect(h.events.pauses).toMatchObject([{ reason: 'failures' }])
    const before = h.target.calls.length
    h.target.always = () => notYet
    await h.clock.advance(1000)
    // Each is asked by itself, as the probe that the one before was not.
    expect(h.target.calls.slice(before).map(({ ids }) => ids.length)).toEqual([1, 1, 1, 1])
    expect(await h.delivery.status()).toMatchObject({ breaker: 'half-open' })
    expect(h.events.resumptions).toBe(0)
    h.target.always = undefined
    await h.clock.advance(5000)
    expect(await h.delivery.status()).toMatchObject({ breaker: 'closed' })
    expect(h.events.appliedIds).toHaveLength(4)
  })

  test('counts its failures, before and after, as any other', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 2, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.add()
    const fault = transient('FAULT', 'so it is')
    h.target.script('r1', fault, notYet, fault)
    expect(await h.run()).toMatchObject({ dead: 1 })
    expect(h.events.letters[0]?.attempts.map(({ code }) => code)).toEqual(['FAULT', 'FAULT'])
  })

  test('is waited for once where the fate of another is open, and does not keep it open for good', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 2, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.add({ key: 'away' })
    h.queue.add({ key: 'poison' })
    h.queue.add({ key: 'poison' })
    h.target.always = ({ id }) =>
      id === 'r1' ? notYet : id === 'r2' ? transient('FAULT', 'so it is') : applied
    await h.start()
    await h.clock.advance(4999)
    expect(h.target.seen).toEqual(['r1', 'r2', 'r2'])
    expect(h.events.letters).toEqual([])
    await h.clock.advance(1)
    expect(h.events.letters).toMatchObject([{ record: { id: 'r2' }, attemptsSpent: 2 }])
    expect(h.events.appliedIds).toEqual(['r3'])
    expect(await h.delivery.status()).toMatchObject({ breaker: 'closed', held: 1 })
  })

  test('tells of an outage where it fails like another once it is asked', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 2, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.add({ key: 'away' })
    h.queue.add({ key: 'b' })
    h.target.script('r1', notYet)
    h.target.always = () => transient('FAULT', 'so it is')
    await h.start()
    await h.clock.advance(6000)
    expect(h.events.letters).toEqual([])
    expect(h.events.pauses[0]).toMatchObject({ reason: 'failures' })
    h.target.always = undefined
    expect(await h.drain()).toMatchObject({ dead: 0, pending: 0 })
  })

  test('comes back after those that were sent, and not at once with all others, where it was not', async () => {
    const batch = { maxRecords: 50, maxBytes: 1e6, lingerMs: 0 }
    const h = harness({ policy: { concurrency: 1, batch } })
    for (let index = 0; index < 200; index++) h.queue.add({ key: `away${index}` })
    let sent = 0
    h.target.always = () =>
      held('AWAY', 'nobody there', { retryAfterMs: 10_000, untried: ++sent > 50 })
    await h.start()
    expect(sent).toBe(200)
    await h.clock.advance(10_000)
    expect(sent).toBe(250)
    for (let second = 1; second <= 5; second++) {
      const before = sent
      await h.clock.advance(1_000)
      expect(sent - before).toBeGreaterThan(10)
      expect(sent - before).toBeLessThan(60)
    }
    expect(sent).toBe(400)
  })

  test('may be told by throwing, for each of a batch', async () => {
    const h = harness()
    h.queue.add()
    h.queue.add({ key: 'other' })
    let calls = 0
    h.target.whole = () => {
      if (++calls <= 3) throw notYet
    }
    expect(await h.run()).toMatchObject({ applied: 2 })
    expect(h.events.holds).toHaveLength(2)
  })

  test('counts against the bound until it ends, also while it is asked again', async () => {
    const h = harness({ policy: { concurrency: 20, held: { maxRecords: 300, maxBytes: 1e9 } } })
    h.target.always = () => held('EARLY', 'later', { retryAfterMs: 500 })
    h.target.whole = () => sleep(h.clock, 500)
    await h.start()
    for (let round = 0; round < 100; round++) {
      for (let index = 0; index < 10; index++) h.queue.add({ key: `down${round}.${index}` })
      await h.clock.advance(100)
    }
    // No more than the bound, and what was under way for the first time when it was reached.
    expect(new Set(h.target.seen).size).toBeLessThan(400)
    expect(await h.delivery.status()).toMatchObject({ full: true })
    expect(h.events.errors).toMatchObject([
      { code: 'ERR_OVERLOADED', message: expect.stringContaining('by EARLY (EARLY, since ') },
      { code: 'ERR_OVERLOADED', message: expect.stringContaining('limits.heldRecords is 300') },
    ])
    h.target.always = undefined
    h.target.whole = undefined
    expect(await h.drain()).toMatchObject({ pending: 0 })
    expect(h.events.appliedIds).toHaveLength(1000)
    expect(await h.delivery.status()).toMatchObject({ full: false, held: 0 })
    expect(h.events.errors).toHaveLength(2)
  })
})

describe('the alarm for records that a target puts off', () => {
  test('comes at half and at all of the bound on bytes, where that is reached first', async () => {
    const queue = new FakeQueue()
    const policy = { held: { maxRecords: 100_000, maxBytes: 3000 } }
    const h = harness({ queue, consumer: queue.consumer({ reload: false }), policy })
    h.target.always = () => away('gone.example')
    await h.start()
    const add = async (records: number) => {
      for (let index = 0; index < records; index++) queue.add({ key: `k${queue.slots.length}` })
      await h.clock.advance(1000)
    }
    await add(15)
    expect(h.events.errors).toEqual([])
    // It is looked at whenever more is pulled.
    await add(1)
    const parts = expect.stringMatching(/15 records, with 1500 bytes .* by gone\.example .* 3000/)
    expect(h.events.errors).toMatchObject([{ code: 'ERR_OVERLOADED', message: parts }])
    await add(20)
    expect(await h.delivery.status()).toMatchObject({ full: true })
    const all = expect.stringContaining('Nothing more is delivered')
    expect(h.events.errors.slice(1)).toMatchObject([{ code: 'ERR_OVERLOADED', message: all }])
    h.target.always = undefined
    await h.drain()
    h.target.always = () => away('gone.example')
    await add(15)
    await add(1)
    expect(h.events.errors).toHaveLength(3)
  })

  test('comes at all of the bytes too, where they wait behind the few that were put off', async () => {
    const queue = new FakeQueue()
    const policy = { held: { maxRecords: 100_000, maxBytes: 3000 } }
    const h = harness({ queue, consumer: queue.consumer({ reload: false }), policy })
    h.target.always = () => away('gone.example')
    for (let index = 0; index < 40; index++) queue.add()
    await h.start()
    await h.clock.advance(1000)
    expect(h.events.errors).toMatchObject([{ message: expect.stringContaining('1 by gone') }])
  })

  test('does not come where the bytes are of what the target takes', async () => {
    const queue = new FakeQueue()
    const policy = { held: { maxRecords: 100_000, maxBytes: 3000 } }
    const h = harness({ queue, consumer: queue.consumer({ reload: false }), policy })
    h.target.always = ({ id }) => (id === 'r1' ? away('gone.example') : applied)
    h.target.whole = () => sleep(h.clock, 100)
    queue.addMany(500)
    await h.start()
    await h.clock.advance(5000)
    expect(h.events.appliedIds).toHaveLength(499)
    expect(h.events.errors).toEqual([])
  })
})

const away = (part: string) => held('ECONNREFUSED', 'nobody there', { retryAfterMs: 400, part })

test('where half of what may be held is parked, half of the bytes is enough for a dead letter', async () => {
  const queue = new FakeQueue()
  const policy = { parksHeld: true, held: { maxRecords: 100_000, maxBytes: 3000 } }
  const h = harness({ queue, consumer: queue.consumer({ reload: false }), policy })
  h.target.always = () => away('gone.example')
  await h.start()
  for (let index = 0; index < 40; index++) {
    queue.add({ key: `k${index}` })
    await h.clock.advance(1000)
  }
  expect(h.events.letters.length).toBeGreaterThanOrEqual(25)
  expect(h.events.errors).toEqual([])
  expect(await h.delivery.status()).toMatchObject({ full: false })
})

import { describe, expect, test } from 'vitest'
import { sleep } from '../../src/clock.ts'
import { applied, held, permanent, throttled, transient } from '../../src/target/target.ts'
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

describe('a part of a target that never comes back', () => {
  test('is named by the status, with how many records it has put off and since when', async () => {
    const h = harness()
    for (const key of ['a', 'b', 'c', 'd']) h.queue.add({ key })
    h.target.always = ({ id }) => (id === 'r1' ? away('one.example') : away('two.example'))
    const since = h.clock.now()
    await h.start()
    await h.clock.advance(1000)
    expect(await h.delivery.status()).toMatchObject({
      heldParts: [
        { part: 'two.example', code: 'ECONNREFUSED', records: 3, since },
        { part: 'one.example', code: 'ECONNREFUSED', records: 1, since },
      ],
    })
    h.target.always = undefined
    await h.clock.advance(1000)
    expect(await h.delivery.status()).toMatchObject({ heldParts: [], held: 0 })
  })

  test('is named no more by the status once another part puts its records off, or for another reason', async () => {
    const h = harness()
    h.queue.add()
    h.queue.add({ key: 'b' })
    h.target.always = () => away('one.example')
    await h.start()
    await h.clock.advance(1000)
    const moved = h.clock.now() + 200
    h.target.always = ({ id }) =>
      id === 'r1'
        ? away('two.example')
        : held('HTTP_401', 'who are you', { retryAfterMs: 400, part: 'one.example' })
    await h.clock.advance(1000)
    expect(await h.delivery.status()).toMatchObject({
      heldParts: [
        { part: 'one.example', code: 'HTTP_401', records: 1, since: moved - 1200 },
        { part: 'two.example', code: 'ECONNREFUSED', records: 1, since: moved },
      ],
    })
    expect(h.events.holds).toHaveLength(2)
    h.target.always = undefined
    await h.clock.advance(1000)
    expect(await h.delivery.status()).toMatchObject({ heldParts: [], held: 0 })
  })

  test('has its records dead-lettered once they were put off for so long, so that the others go on', async () => {
    const h = harness({ policy: { heldForMs: 1000, held: { maxRecords: 10, maxBytes: 1e9 } } })
    for (let index = 0; index < 30; index++) h.queue.add({ key: `k${index}` })
    h.target.always = ({ id }) => (id === 'r30' ? applied : away('gone.example'))
    const begun = h.clock.now()
    await h.start()
    await h.clock.advance(999)
    expect(h.events.letters).toEqual([])
    await h.clock.advance(3000)
    expect(h.events.appliedIds).toEqual(['r30'])
    expect(h.events.letters).toHaveLength(29)
    const [first] = h.events.letters
    expect(first).toMatchObject({ at: begun + 1000, code: 'ECONNREFUSED', attemptsSpent: 0 })
    expect(first?.attempts).toMatchObject([{ class: 'unavailable', message: 'nobody there' }])
    expect(await h.delivery.status()).toMatchObject({ held: 0, breaker: 'closed' })
  })

  test('gives up what waited behind a record as soon as that is asked for, and takes it if it is back', async () => {
    const h = harness({ policy: { heldForMs: 1000 } })
    for (let index = 0; index < 4; index++) h.queue.add()
    h.target.always = ({ id }) => (id === 'r3' ? applied : away('gone.example'))
    await h.start()
    await h.clock.advance(1000)
    expect(h.events.letters.map(({ record }) => record.id)).toEqual(['r1', 'r2'])
    expect(h.events.appliedIds).toEqual(['r3'])
    // It was back between: the time counts anew.
    await h.clock.advance(900)
    expect(h.events.letters).toHaveLength(2)
    await h.clock.advance(100)
    expect(h.events.letters).toHaveLength(3)
  })

  test('is not charged for the time in which the whole target was away', async () => {
    const h = harness({ policy: { heldForMs: 10_000 } })
    h.queue.add()
    h.target.always = () => away('gone.example')
    await h.start()
    await h.clock.advance(2000)
    h.target.whole = () => {
      throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
    }
    await h.clock.advance(60_000)
    expect(await h.delivery.status()).toMatchObject({ breaker: 'open' })
    h.target.whole = undefined
    while (h.events.resumptions === 0) await h.clock.advance(100)
    await h.clock.advance(7000)
    expect(h.events.letters).toEqual([])
    await h.clock.advance(1000)
    expect(h.events.letters).toHaveLength(1)
  })

  test('is given up as well where records failed in a row, and no other is left to end that', async () => {
    const breaker = { failures: 3, minOpenMs: 1000, maxOpenMs: 1000 }
    const h = harness({ policy: { heldForMs: 10_000, breaker } })
    for (const key of ['a', 'b', 'c', 'd']) h.queue.add({ key })
    h.target.always = () => transient('FAULT', 'so it is')
    await h.start()
    expect(h.events.pauses).toMatchObject([{ reason: 'failures' }])
    h.target.always = () => away('gone.example')
    await h.clock.advance(12_000)
    expect(await h.delivery.status()).toMatchObject({ breaker: 'half-open' })
    expect(h.events.letters).toHaveLength(4)
  })

  test('is not charged for a pause for which the target asked', async () => {
    const h = harness({ policy: { heldForMs: 10_000 } })
    h.queue.add()
    const pause = throttled('BUSY', 'later', { retryAfterMs: 60_000 })
    h.target.script('r1', away('gone.example'), pause)
    h.target.always = () => away('gone.example')
    await h.start()
    await h.clock.advance(400 + 60_000 + 9000)
    expect(h.target.seen.length).toBeGreaterThan(10)
    expect(h.events.letters).toEqual([])
    await h.clock.advance(1000)
    expect(h.events.letters).toHaveLength(1)
  })

  test('has its time from the start again where it answered otherwise between', async () => {
    const retry = { maxAttempts: 10, minDelayMs: 5000, maxDelayMs: 5000 }
    const h = harness({ policy: { heldForMs: 1000, retry } })
    h.queue.add()
    const fault = transient('FAULT', 'so it is')
    const gone = away('gone.example')
    h.target.script('r1', gone, fault, fault, fault, fault, gone, gone, applied)
    expect(await h.run()).toMatchObject({ applied: 1, dead: 0 })
  })

  test('has its time from the start again for what waited behind a record that failed for good', async () => {
    const h = harness({ policy: { heldForMs: 500 } })
    h.queue.add()
    h.queue.add()
    const gone = away('gone.example')
    h.target.script('r1', gone, permanent('BAD', 'never'))
    h.target.script(
      'r2',
      held('ECONNREFUSED', 'nobody there', { retryAfterMs: 200, part: 'gone.example' }),
      gone,
      applied,
    )
    expect(await h.run()).toMatchObject({ applied: 1, dead: 1 })
  })

  test('has its time from the start again for a letter that held its key and was redriven', async () => {
    const h = harness({ policy: { heldForMs: 1000, onDeadLetter: 'block' } })
    const record = h.queue.add()
    h.queue.add()
    h.target.always = () => away('gone.example')
    await h.start()
    await h.clock.advance(3_600_000)
    expect(h.events.letters.map(({ record }) => record.id)).toEqual(['r1'])
    const [letter] = h.events.letters
    if (letter !== undefined) h.delivery.expectRedriven(letter)
    h.queue.add({ ...record, attemptEpoch: 1, target: 'search' })
    await h.clock.advance(500)
    expect(h.target.seen.length).toBeGreaterThan(4)
    h.target.always = undefined
    await h.clock.advance(1000)
    expect(h.events.letters).toHaveLength(1)
    expect(h.events.appliedIds).toEqual(['r1', 'r2'])
  })

  test('is held for good where nothing says for how long', async () => {
    const h = harness()
    h.queue.add()
    h.target.always = () => away('gone.example')
    await h.start()
    await h.clock.advance(600_000)
    expect(h.events.letters).toEqual([])
    h.target.always = undefined
    await h.clock.advance(400)
    expect(h.events.appliedIds).toEqual(['r1'])
  })
})

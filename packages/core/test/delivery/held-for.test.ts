import { describe, expect, test } from 'vitest'
import { applied, held, permanent, throttled, transient } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'

const away = (part: string) => held('ECONNREFUSED', 'nobody there', { retryAfterMs: 400, part })

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

import { describe, expect, test } from 'vitest'
import { permanent, transient } from '../../src/target/target.ts'
import { harness } from './support/harness.ts'
import { hiccup } from './support/scripted-target.ts'

const day = 86_400_000
/** Few probes, for outages that last. */
const rarely = { breaker: { failures: 10, minOpenMs: 1000, maxOpenMs: 600_000 } }

describe('a run of failures', () => {
  test('of many different records opens the breaker and refunds their attempts', async () => {
    const h = harness()
    h.queue.addMany(40)
    h.target.always = () => hiccup
    await h.start()
    expect(h.events.pauses).toMatchObject([{ reason: 'failures', code: 'HICCUP' }])
    h.target.always = undefined
    expect(await h.drain()).toMatchObject({ applied: 40, dead: 0 })
    expect(h.target.calls.at(-1)?.context.attempts.every((attempt) => attempt === 1)).toBe(true)
  })

  test('does not empty a queue into the dead-letter queue, even where one attempt is all there is', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 1, minDelayMs: 1, maxDelayMs: 1 } } })
    h.queue.addMany(500)
    h.target.whole = () => {
      throw new Error('bad deploy')
    }
    await h.start()
    expect(h.events.pauses).toMatchObject([{ reason: 'failures' }])
    expect(h.events.letters).toEqual([])
    await h.clock.advance(600_000)
    h.target.whole = undefined
    expect(await h.drain()).toMatchObject({ applied: 500, dead: 0 })
  })

  test('does not let anything die in an outage of days, and asks with one record after the other', async () => {
    const h = harness({
      policy: { retry: { maxAttempts: 8, minDelayMs: 200, maxDelayMs: 300_000 } },
    })
    h.queue.addMany(100)
    h.target.whole = () => {
      throw new Error('who knows')
    }
    await h.start()
    await h.clock.advance(3 * 86_400_000)
    expect(h.events.letters).toEqual([])
    const probes = h.target.calls.slice(-100).flatMap(({ ids }) => ids)
    expect(new Set(probes).size).toBe(100)
  })

  test.each([
    { keys: 1, inAnHour: 1, inADay: 6, inAMonth: 9 },
    { keys: 2, inAnHour: 0, inADay: 5, inAMonth: 8 },
    { keys: 5, inAnHour: 0, inADay: 2, inAMonth: 5 },
    { keys: 9, inAnHour: 0, inADay: 0, inAMonth: 1 },
    { keys: 10, inAnHour: 0, inADay: 0, inAMonth: 0 },
  ])('costs few letters, ever more rarely, where $keys keys have many records', async (few) => {
    const h = harness({ policy: rarely })
    for (let index = 0; index < 200; index++) h.queue.add({ key: `k${index % few.keys}` })
    h.target.whole = () => {
      throw new Error('bad deploy')
    }
    await h.start()
    await h.clock.advance(3_600_000)
    expect(h.events.letters).toHaveLength(few.inAnHour)
    await h.clock.advance(23 * 3_600_000)
    expect(h.events.letters).toHaveLength(few.inADay)
    await h.clock.advance(29 * day)
    expect(h.events.letters).toHaveLength(few.inAMonth)
    h.target.whole = undefined
    expect(await h.drain()).toMatchObject({ pending: 0, dead: 0 })
  })

  test('of two to nine records with nothing else in the queue costs no letter', async () => {
    for (let count = 2; count < 10; count++) {
      const h = harness({ policy: rarely })
      h.queue.addMany(count)
      h.target.always = () => hiccup
      await h.start()
      await h.clock.advance(7 * day)
      expect(h.events.letters).toEqual([])
      expect(h.events.pauses[0]).toMatchObject({ reason: 'failures', code: 'HICCUP' })
      expect(await h.delivery.status()).toMatchObject({ pending: count, inFlight: 0 })
      h.target.always = undefined
      expect(await h.drain()).toMatchObject({ applied: count, dead: 0 })
      expect(h.target.calls.at(-1)?.context.attempts).toEqual(new Array(count - 1).fill(1))
    }
  })

  test('of few records ends in the dead-letter queue once as many others are applied', async () => {
    const h = harness()
    h.queue.addMany(2)
    h.target.always = ({ key }) => (key === 'good' ? { status: 'applied' } : hiccup)
    await h.start()
    await h.clock.advance(3_600_000)
    h.queue.add({ key: 'good' })
    await h.clock.advance(3_600_000)
    expect(h.events.letters).toEqual([])
    h.queue.add({ key: 'good' })
    expect(await h.drain()).toMatchObject({ applied: 1, dead: 2 })
  })

  test('of the first records of a key does not keep those behind them for ever', async () => {
    const h = harness()
    for (let index = 0; index < 5; index++) h.queue.add({ key: 'only' })
    h.target.always = ({ id }) => (Number(id.slice(1)) <= 2 ? hiccup : { status: 'applied' })
    expect(await h.run(2 * 3_600_000)).toMatchObject({ applied: 3, dead: 2 })
    expect(h.target.seen.slice(-3)).toEqual(['r3', 'r4', 'r5'])
  })

  test('leaves a record its chance while another one waits that may tell', async () => {
    const h = harness()
    h.queue.addMany(2)
    h.target.always = ({ id }) => (id === 'r1' ? hiccup : { status: 'applied' })
    h.target.script('r2', transient('LATER', 'not now', { retryAfterMs: 60_000 }))
    await h.start()
    await h.clock.advance(59_999)
    expect(h.target.seen.filter((id) => id === 'r1')).toHaveLength(3)
    expect(h.events.letters).toEqual([])
    await h.clock.advance(1)
    expect(h.events.appliedIds).toEqual(['r2'])
    expect(h.events.letters).toMatchObject([{ record: { id: 'r1' }, attemptsSpent: 3 }])
  })

  test('of records that are poison together looks like an outage until another one succeeds', async () => {
    const h = harness()
    h.queue.addMany(12)
    h.target.always = ({ key }) => (key === 'good' ? { status: 'applied' } : hiccup)
    await h.start()
    await h.clock.advance(86_400_000)
    expect(h.events.letters).toEqual([])
    expect((await h.delivery.status()).breaker).not.toBe('closed')
    for (let hour = 0; hour < 10; hour++) {
      h.queue.add({ key: 'good' })
      await h.clock.advance(3_600_000)
    }
    expect(h.events.letters).toHaveLength(12)
  })

  test('of records that are poison together comes to an end also where others come now and then', async () => {
    const h = harness()
    h.queue.addMany(12)
    h.target.always = ({ key }) => (key === 'good' ? { status: 'applied' } : hiccup)
    // Each good record closes the breaker, and the run of the others opens it again.
    h.events.paused = () => void h.queue.add({ key: 'good' })
    await h.start()
    await h.clock.advance(60_000)
    expect(h.events.letters).toHaveLength(12)
  })

  test('is not one where others succeed between', async () => {
    const h = harness()
    h.target.always = ({ key }) => (key === undefined ? hiccup : { status: 'applied' })
    await h.start()
    for (let wave = 0; wave < 10; wave++) {
      for (let index = 0; index < 5; index++) h.queue.add({ key: undefined })
      h.queue.addMany(5)
      await h.drain()
    }
    expect(h.events.letters).toHaveLength(50)
    expect(h.events.appliedIds).toHaveLength(50)
    expect(h.events.pauses).toEqual([])
  })

  test('is not one where the target rejects records for good', async () => {
    const h = harness()
    h.queue.addMany(200)
    h.target.always = () => permanent('NO', 'never')
    expect(await h.run()).toMatchObject({ dead: 200 })
    expect(h.events.pauses).toEqual([])
  })

  test('a lone record that always fails reaches the dead-letter queue', async () => {
    const h = harness({ policy: { retry: { maxAttempts: 5, minDelayMs: 100, maxDelayMs: 1000 } } })
    h.queue.add()
    h.target.whole = () => {
      throw new Error('poison')
    }
    expect(await h.run()).toMatchObject({ dead: 1 })
    expect(h.target.calls).toHaveLength(5)
  })

  test('is over as soon as a record that never failed succeeds, whoever is poison', async () => {
    const h = harness()
    h.queue.addMany(12)
    h.target.always = (record) =>
      Number(record.id.slice(1)) <= 12 ? hiccup : { status: 'applied' }
    await h.start()
    expect(h.events.pauses).toHaveLength(1)
    h.queue.addMany(100)
    await h.clock.advance(1000)
    expect(h.events.resumptions).toBe(1)
    expect(h.events.appliedIds).toHaveLength(100)
    expect(await h.drain(2 * 3_600_000)).toMatchObject({ pending: 0 })
    expect(h.events.letters).toHaveLength(12)
  })

  test('is over for good where the target shows between the failures that it works', async () => {
    for (const maxRecords of [1, 7, 100]) {
      for (const throws of [true, false]) {
        const h = harness({ policy: { batch: { maxRecords, maxBytes: 1e6, lingerMs: 0 } } })
        const isPoison = ({ id }: { readonly id: string }): boolean => Number(id.slice(1)) % 9 === 0
        h.queue.addMany(120)
        h.target.always = (record) => (isPoison(record) ? hiccup : { status: 'applied' })
        h.target.whole = (records) => {
          if (throws && records.some(isPoison)) throw new Error('poison')
        }
        expect(await h.run(2 * 3_600_000)).toMatchObject({ applied: 107, dead: 13, pending: 0 })
      }
    }
  })

  test('of records that failed in an apply in which ten others succeeded is none', async () => {
    const h = harness()
    h.queue.addMany(100)
    h.target.always = ({ id }) => (Number(id.slice(1)) <= 12 ? hiccup : { status: 'applied' })
    expect(await h.run()).toMatchObject({ applied: 88, dead: 12 })
    expect(h.events.pauses).toEqual([])
  })

  test('of records that failed before ten others succeeded is none', async () => {
    const h = harness({
      policy: { retry: { maxAttempts: 3, minDelayMs: 60_000, maxDelayMs: 60_000 } },
    })
    h.queue.addMany(9)
    h.queue.addMany(1)
    h.target.always = ({ key }) => (key === 'good' ? { status: 'applied' } : hiccup)
    await h.start()
    expect(h.events.pauses).toHaveLength(1)
    for (let index = 0; index < 10; index++) h.queue.add({ key: 'good' })
    expect(await h.drain()).toMatchObject({ pending: 0, dead: 10 })
    expect(h.events.pauses).toHaveLength(1)
  })

  test('of records that failed before fewer others succeeded is one still', async () => {
    const h = harness()
    h.queue.addMany(40)
    let isDown = true
    h.target.always = ({ key }) => (key === 'good' || !isDown ? { status: 'applied' } : hiccup)
    await h.start()
    for (let index = 0; index < 2; index++) {
      h.queue.add({ key: 'good' })
      await h.clock.advance(6 * 3_600_000)
    }
    expect(h.events.letters).toEqual([])
    isDown = false
    expect(await h.drain()).toMatchObject({ applied: 40, dead: 0 })
  })

  test('begins anew where the target has worked for long before it', async () => {
    for (const keys of [1, 5, 9]) {
      const h = harness({ policy: rarely })
      let isDown = false
      h.target.whole = () => {
        if (isDown) throw new Error('bad deploy')
      }
      await h.start()
      for (let round = 0; round < 2; round++) {
        isDown = false
        for (let index = 0; index < 100; index++) h.queue.add({ key: `k${index % keys}` })
        await h.clock.advance(3_600_000)
        expect(h.queue.left).toEqual([])
        isDown = true
        const before = h.events.letters.length
        for (let index = 0; index < 300; index++) h.queue.add({ key: `k${index % keys}` })
        await h.clock.advance(7 * 86_400_000)
        expect(h.events.letters.length - before).toBeLessThan(10)
      }
    }
  })

  test('is not taken as over because the target can be reached', async () => {
    const h = harness()
    h.queue.addMany(40)
    h.target.always = () => hiccup
    h.target.health = () => Promise.resolve()
    await h.start()
    await h.clock.advance(60_000)
    const { length } = h.target.calls
    expect(length).toBeLessThan(12)
    expect(h.target.calls.slice(1).every(({ ids }) => ids.length === 1)).toBe(true)
    expect(h.events.resumptions).toBe(0)
  })
})

import { describe, expect, test } from 'vitest'
import { WalError } from '../../src/errors.ts'
import { throttled, transient, unavailable } from '../../src/target/target.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { harness, seed } from './support/harness.ts'

const down = unavailable('DOWN', 'nobody is there')
const day = 86_400_000

describe('an outage', () => {
  test('pauses delivery and spends nobody an attempt, however long it lasts', async () => {
    const h = harness()
    h.queue.addMany(50)
    h.target.always = () => down
    await h.start()
    await h.clock.advance(day)
    expect(h.events.letters).toEqual([])
    expect(await h.delivery.status()).toMatchObject({ pending: 50, applied: 0, retried: 0 })
    h.target.always = undefined
    expect(await h.drain()).toMatchObject({ applied: 50, dead: 0 })
    expect(h.target.calls.every(({ context }) => context.attempts.every((n) => n === 1))).toBe(true)
  })

  test('is asked after with one record, ever more rarely', async () => {
    const h = harness()
    h.queue.addMany(50)
    h.target.always = () => down
    await h.start()
    await h.clock.advance(600_000)
    const probes = h.target.calls.slice(1)
    expect(probes.every(({ ids }) => ids.length === 1)).toBe(true)
    // From half of 1 s, doubling, up to 30 s: between 20 and 45 in ten minutes.
    expect(probes.length).toBeGreaterThan(20)
    expect(probes.length).toBeLessThan(45)
  })

  test('is told once when it begins and once when it is over', async () => {
    const h = harness()
    h.queue.addMany(5)
    h.target.always = () => down
    await h.start()
    const [pause] = h.events.pauses
    expect(pause).toMatchObject({ reason: 'unavailable', code: 'DOWN', message: 'nobody is there' })
    const { breaker, pausedUntil } = await h.delivery.status()
    expect(breaker).toBe('open')
    expect(pausedUntil).toBe(pause?.until)
    h.target.always = undefined
    await h.drain()
    expect(h.events.pauses).toHaveLength(1)
    expect(h.events.resumptions).toBe(1)
    expect(await h.delivery.status()).toMatchObject({ breaker: 'closed', pausedUntil: undefined })
  })

  test('is recognised by a broken connection, also deep in the causes', async () => {
    const h = harness()
    h.queue.addMany(3)
    let isDown = true
    h.target.whole = () => {
      if (!isDown) return
      const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      throw new Error('fetch failed', { cause })
    }
    await h.start()
    expect(h.events.pauses).toMatchObject([{ reason: 'unavailable', code: 'ECONNREFUSED' }])
    isDown = false
    expect(await h.drain()).toMatchObject({ applied: 3 })
  })

  test('is over when the health check says so', async () => {
    const h = harness()
    h.queue.addMany(3)
    h.target.always = () => down
    let checks = 0
    h.target.health = async () => {
      checks++
      if (checks < 3) throw new WalError('ERR_UNAVAILABLE', 'still down')
      h.target.always = undefined
    }
    await h.start()
    await h.drain()
    expect(checks).toBe(3)
    expect(h.target.calls.map(({ ids }) => ids.length)).toEqual([3, 3])
  })

  test('goes on while the health check hangs', async () => {
    const h = harness({ policy: { applyTimeoutMs: 1000 } })
    h.queue.addMany(3)
    h.target.always = () => down
    let checks = 0
    h.target.health = () => {
      checks++
      if (checks < 3) return new Promise(() => {})
      h.target.always = undefined
      return Promise.resolve()
    }
    await h.start()
    expect(await h.drain()).toMatchObject({ applied: 3 })
  })

  test('waits as long as the target asks', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', { ...down, retryAfterMs: 90_000 })
    await h.start()
    await h.clock.advance(89_999)
    expect(h.target.calls).toHaveLength(1)
    await h.clock.advance(1)
    expect(h.target.calls).toHaveLength(2)
  })
})

describe('a record that brings the target down', () => {
  test('is found out, and ends in the dead-letter queue while the others are applied', async () => {
    const h = harness()
    h.queue.addMany(60)
    h.target.whole = (records) => {
      if (!records.some(({ id }) => id === 'r20')) return
      throw Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
    }
    await h.start()
    for (let round = 0; round < 20; round++) {
      await h.clock.advance(10_000)
      h.queue.addMany(5)
    }
    expect(await h.drain()).toMatchObject({ pending: 0 })
    expect(h.events.appliedIds).toHaveLength(159)
    expect(h.events.letters).toMatchObject([
      { record: { id: 'r20' }, code: 'ECONNRESET', attemptsSpent: 3 },
    ])
  })

  test('is not confused with those that were under way at outage after outage', async () => {
    const h = harness()
    h.queue.addMany(40)
    let isDown = false
    h.target.whole = () => {
      if (isDown) throw unavailable('DOWN', 'nobody is there')
    }
    await h.start()
    for (let outage = 0; outage < 20; outage++) {
      isDown = true
      h.queue.addMany(40)
      await h.clock.advance(50_000)
      isDown = false
      await h.clock.advance(50_000)
    }
    expect(await h.drain()).toMatchObject({ pending: 0 })
    expect(h.events.letters).toEqual([])
    expect(h.target.calls.every(({ context }) => context.attempts.every((n) => n === 1))).toBe(true)
  })
})

describe('a record that finds no way to the target', () => {
  test.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'CERT_HAS_EXPIRED'])(
    'was not received, and spends no attempt while all others are applied: %s',
    async (code) => {
      const h = harness()
      h.queue.addMany(60)
      let isDown = true
      h.target.whole = (records) => {
        if (!isDown || !records.some(({ id }) => id === 'r20')) return
        throw new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code }) })
      }
      await h.start()
      const pauses: number[] = []
      for (let round = 0; round < 60; round++) {
        await h.clock.advance(60_000)
        h.queue.addMany(5)
        pauses.push(h.events.pauses.length)
      }
      await h.clock.advance(60_000)
      expect(h.events.letters).toEqual([])
      expect(h.events.appliedIds).toHaveLength(359)
      // Once it is known to stand alone with it, it holds up nobody else.
      expect(pauses[59]).toBe(pauses[10])
      isDown = false
      expect(await h.drain()).toMatchObject({ applied: 1, dead: 0 })
      expect(h.target.calls.at(-1)).toMatchObject({ ids: ['r20'], context: { attempts: [1] } })
    },
  )
})

describe('a target that says it has too much to do', () => {
  test.each([
    ['for how long', unavailable('FULL', 'too many', { retryAfterMs: 1000 })],
    ['by its status', unavailable('HTTP_503', 'too many')],
  ])('most of the time, %s, spends nobody an attempt', async (_, tooMuch) => {
    const h = harness()
    h.queue.addMany(60)
    const random = new SeededRandom(seed)
    h.target.whole = () => {
      if (random.next() < 0.9) throw tooMuch
    }
    expect(await h.run(day)).toMatchObject({ applied: 60, dead: 0 })
    expect(h.events.retries).toEqual([])
    expect(h.target.calls.every(({ context }) => context.attempts.every((n) => n === 1))).toBe(true)
  })
})

describe('a throttle', () => {
  test('pauses delivery as long as the target asks, and spends nobody an attempt', async () => {
    const h = harness()
    h.queue.addMany(3)
    h.target.script('r2', throttled('LESS', 'slow down', { retryAfterMs: 5000 }))
    await h.start()
    expect(h.queue.acks).toEqual(['r1', 'r3'])
    h.queue.addMany(1)
    await h.clock.advance(4999)
    expect(h.target.calls).toHaveLength(1)
    expect(await h.delivery.status()).toMatchObject({
      pausedUntil: h.clock.now() + 1,
      breaker: 'closed',
    })
    await h.clock.advance(1)
    expect(h.target.calls.slice(1)).toMatchObject([{ context: { attempts: [1, 1] } }])
    expect(h.events.pauses).toMatchObject([{ reason: 'throttled', code: 'LESS' }])
    expect(h.events.resumptions).toBe(1)
  })

  test('says in whole ms until when, whatever the target asks for', async () => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', throttled('LESS', 'slow down', { retryAfterMs: 1000.3 }))
    await h.start()
    const until = h.clock.now() + 1001
    expect(await h.delivery.status()).toMatchObject({ pausedUntil: until })
    expect(h.events.pauses).toMatchObject([{ until }])
  })

  test('without a time is waited out with a backoff of its own', async () => {
    const h = harness()
    h.queue.add()
    for (let index = 0; index < 5; index++) h.target.script('r1', throttled('LESS', 'slow down'))
    expect(await h.run()).toMatchObject({ applied: 1 })
    expect(h.target.calls.every(({ context }) => context.attempts[0] === 1)).toBe(true)
    expect(h.events.pauses).toHaveLength(5)
  })
})

describe('a target that asks for longer than an hour', () => {
  test.each([
    ['throttled', throttled('LESS', 'slow down', { retryAfterMs: 1e15 })],
    ['unavailable', unavailable('DOWN', 'nobody is there', { retryAfterMs: 1e15 })],
    ['transient', transient('LATER', 'not now', { retryAfterMs: 1e15 })],
  ])('is asked again after an hour: %s', async (_, outcome) => {
    const h = harness()
    h.queue.add()
    h.target.script('r1', outcome)
    await h.start()
    await h.clock.advance(3_599_999)
    expect(h.target.calls).toHaveLength(1)
    await h.clock.advance(1)
    expect(h.events.appliedIds).toEqual(['r1'])
  })
})

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WalRecord } from '../../../src/record.ts'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { permanent, unavailable } from '../../../src/target/target.ts'
import { makeRecord, VirtualClock } from '../../../src/testing/index.ts'
import { Application, type Reply } from './support/application.ts'
import { applyOne, applyTo } from './support/apply-one.ts'

let application: Application
beforeAll(async () => {
  application = await Application.start()
})
afterAll(() => application[Symbol.asyncDispose]())

/** Options of a target whose records each have an address of their own. */
function ownAddress(reply: Reply = { status: 204 }) {
  application.handle = () => reply
  return { url: () => application.url('/films'), hosts: [application.host] }
}

function failing(code: string) {
  return {
    ...ownAddress(),
    fetch: async () => {
      throw new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) })
    },
  }
}

describe('an address that each record has of its own', () => {
  it('is held while its host is down, or takes no credential', async () => {
    for (const status of [401, 503, 507, 522]) {
      const outcome = await applyOne(ownAddress({ status }))
      expect(outcome, `${status}`).toMatchObject({ status: 'held', code: `HTTP_${status}` })
    }
    const wait = { status: 503, headers: { 'retry-after': '7' } }
    const options = { ...ownAddress(wait), clock: new VirtualClock() }
    expect(await applyOne(options)).toMatchObject({ retryAfterMs: 7000 })
  })

  it('is at fault for what may be said of it alone', async () => {
    for (const status of [402, 403, 404, 500, 502, 504]) {
      const outcome = await applyOne(ownAddress({ status }))
      expect(outcome, `${status}`).toMatchObject({ status: 'transient', code: `HTTP_${status}` })
    }
  })

  it('is at fault where it leads to another host', async () => {
    const reply = { status: 308, headers: { location: 'http://elsewhere.invalid/' } }
    const outcome = await applyOne(ownAddress(reply))
    expect(outcome).toMatchObject({ status: 'transient', code: 'HTTP_REDIRECT' })
  })

  it('is held where no connection can be made, or it breaks', async () => {
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'UND_ERR_CONNECT_TIMEOUT']) {
      expect(await applyOne(failing(code))).toMatchObject({ status: 'held', code })
    }
    for (const code of ['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'HPE_INVALID_VERSION'])
      expect(await applyOne(failing(code))).toMatchObject({ status: 'held', code })
  })

  it('pays for a host that goes down with it again and again, and works between', async () => {
    const clock = new VirtualClock()
    const target = httpTarget({ ...ownAddress(), clock })
    application.handle = ({ text }) => {
      if (!text.includes('"poison"')) return { status: 204 }
      setImmediate(() => application.cutWaiting())
      return undefined
    }
    const poison = makeRecord({ key: 'poison' })
    const statuses: (string | undefined)[] = []
    for (let times = 0; times < 6; times++) {
      // Twice: an outage that lasts is one, however often its record is tried.
      const again = times === 2 ? 2 : 1
      for (let tries = 0; tries < again; tries++) {
        const [outcome] = await applyTo(target, [poison])
        statuses.push(outcome?.status)
        await clock.advance(60_000)
      }
      const [other] = await applyTo(target, [makeRecord({ key: 'other' })])
      expect(other).toEqual({ status: 'applied' })
    }
    expect(statuses).toEqual([...Array.from({ length: 6 }, () => 'held'), 'transient'])
    // While nothing has worked since, the host is down still.
    expect(await applyTo(target, [poison])).toMatchObject([{ status: 'transient' }])
    expect(await applyTo(target, [poison])).toMatchObject([{ status: 'held' }])
  })

  it('does not pay for a host that says of nine in ten that it has too much to do', async () => {
    const clock = new VirtualClock()
    let asked = 0
    const fetch = async () => new Response(null, { status: asked++ % 10 === 0 ? 204 : 503 })
    const target = httpTarget({ ...ownAddress(), clock, fetch })
    let left = Array.from({ length: 200 }, (_, at) => makeRecord({ id: `${at}` }))
    for (let round = 0; round < 200 && left.length > 0; round++) {
      const outcomes = await applyTo(target, left)
      for (const { status } of outcomes) expect(['applied', 'held']).toContain(status)
      left = left.filter((_, at) => outcomes[at]?.status === 'held')
      await clock.advance(60_000)
    }
    expect(left).toEqual([])
  })

  it('does not pay for a connection that breaks while others of its host are under way', async () => {
    const clock = new VirtualClock()
    const { fetch } = failing('ECONNRESET')
    let isBroken = false
    const target = httpTarget({
      ...{ ...ownAddress(), clock },
      fetch: (url, init) => (isBroken ? fetch() : globalThis.fetch(url, init)),
    })
    const both = [makeRecord({ id: 'one' }), makeRecord({ id: 'two' })]
    for (let times = 0; times < 8; times++) {
      isBroken = true
      expect(await applyTo(target, both)).toMatchObject([{ status: 'held' }, { status: 'held' }])
      await clock.advance(60_000)
      isBroken = false
      expect(await applyTo(target, [makeRecord()])).toEqual([{ status: 'applied' }])
    }
  })

  it('does not pay for a host to which no connection could be made, however often', async () => {
    const clock = new VirtualClock()
    const { fetch } = failing('ECONNREFUSED')
    let isRefused = false
    const target = httpTarget({
      ...{ ...ownAddress(), clock },
      fetch: (url, init) => (isRefused ? fetch() : globalThis.fetch(url, init)),
    })
    for (let times = 0; times < 8; times++) {
      isRefused = true
      expect(await applyTo(target, [makeRecord({ id: 'same' })])).toMatchObject([
        { status: 'held' },
      ])
      await clock.advance(60_000)
      isRefused = false
      expect(await applyTo(target, [makeRecord()])).toEqual([{ status: 'applied' }])
    }
  })

  it('is not at fault for what this process lacks, nor for its credentials', async () => {
    for (const code of ['EMFILE', 'ENETDOWN', 'EADDRNOTAVAIL', 'UND_ERR_DESTROYED']) {
      expect(await applyOne(failing(code))).toMatchObject({ status: 'unavailable', code })
    }
    const headers = () => Promise.reject(new Error('no token today'))
    expect(await applyOne({ ...ownAddress(), headers })).toMatchObject({ status: 'unavailable' })
  })

  it('holds the records of a host that asks for less, and asks it no more until then', async () => {
    await using other = await Application.start()
    application.handle = () => ({ status: 429, headers: { 'retry-after': '7' } })
    const clock = new VirtualClock()
    const url = ({ key }: WalRecord) => (key === 'other' ? other : application).url()
    const target = httpTarget({ url, hosts: [application.host, other.host], clock })
    const ask = async (key: string) => (await applyTo(target, [makeRecord({ key })]))[0]
    const before = application.received.length
    const asked = (): number => application.received.length - before
    expect(await ask('a')).toMatchObject({ status: 'held', code: 'HTTP_429', retryAfterMs: 7000 })
    await clock.advance(2500)
    expect(await ask('b')).toMatchObject({ status: 'held', code: 'HTTP_429', retryAfterMs: 4500 })
    expect(await ask('other')).toEqual({ status: 'applied' })
    expect(asked()).toBe(1)
    await clock.advance(4500)
    application.handle = () => ({ status: 204 })
    expect(await ask('a')).toEqual({ status: 'applied' })
    expect(asked()).toBe(2)
  })

  it('waits longer each time for a host that does not say for how long, until it answers', async () => {
    const clock = new VirtualClock()
    const target = httpTarget({ ...ownAddress(), clock })
    const wait = async (status: number): Promise<number | undefined> => {
      application.handle = () => ({ status })
      // The second of a batch is told the same, and is no further refusal.
      const outcomes = await applyTo(target, [makeRecord({ key: 'a' }), makeRecord({ key: 'b' })])
      const [ms, same] = outcomes.map((one) => ('retryAfterMs' in one ? one.retryAfterMs : 0))
      expect(same).toBe(ms)
      await clock.advance(ms ?? 0)
      return ms
    }
    const waits: (number | undefined)[] = []
    for (let times = 0; times < 8; times++) waits.push(await wait(529))
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
    expect(await wait(204)).toBe(0)
    expect(await wait(429)).toBe(1000)
  })

  it('stays held by a host that asked for less, whatever a request sent before brings', async () => {
    const clock = new VirtualClock()
    const url = ({ key }: WalRecord) => application.url(`/${key}`)
    const target = httpTarget({ ...ownAddress(), url, clock })
    const replies = new Map<string, (reply: Reply) => void>()
    application.handle = ({ path }) => new Promise((resolve) => replies.set(path.slice(1), resolve))
    const ask = async (key: string) => (await applyTo(target, [makeRecord({ key })]))[0]
    const asked = Object.fromEntries(['a', 'b', 'c', 'd'].map((key) => [key, ask(key)]))
    await expect.poll(() => replies.size).toBe(4)
    const answer = (key: string, reply: Reply) => {
      replies.get(key)?.(reply)
      return asked[key]
    }
    await answer('a', { status: 429, headers: { 'retry-after': '7' } })
    expect(await answer('b', { status: 204 })).toEqual({ status: 'applied' })
    // One that does not say for how long takes nothing back of what was said.
    expect(await answer('c', { status: 429 })).toMatchObject({ retryAfterMs: 7000 })
    await clock.advance(6999)
    application.handle = () => ({ status: 429 })
    expect(await ask('e')).toMatchObject({ status: 'held', retryAfterMs: 1 })
    await clock.advance(1)
    expect(await answer('d', { status: 204 })).toEqual({ status: 'applied' })
    // This one was sent before, too, and does not tell that the host is at ease: it waits for longer.
    expect(await ask('e')).toMatchObject({ status: 'held', retryAfterMs: 2000 })
  })

  it('is what classify says of it', async () => {
    const down = unavailable('down', 'All of them are down.')
    expect(await applyOne({ ...ownAddress({ status: 503 }), classify: () => down })).toEqual(down)
    const no = permanent('no', 'Never.')
    expect(await applyOne({ ...ownAddress({ status: 503 }), classify: () => no })).toEqual(no)
  })

  it('has a record that may be gone for good, or was to be removed from it', async () => {
    expect(await applyOne(ownAddress({ status: 410 }))).toMatchObject({ status: 'permanent' })
    for (const status of [404, 410]) {
      const options = { ...ownAddress({ status }), method: 'DELETE' } as const
      expect(await applyOne(options, { op: 'delete' })).toEqual({ status: 'applied' })
    }
  })
})

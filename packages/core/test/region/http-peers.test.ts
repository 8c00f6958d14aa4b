import { describe, expect, it, vi } from 'vitest'
import type { WalRecord } from '../../src/record.ts'
import { forwardReceiver } from '../../src/target/forwarding/forward-receiver.ts'
import type { HttpFetch, HttpFetchAnswer } from '../../src/target/http/http-exchange.ts'
import type { HttpTargetOptions } from '../../src/target/http/http-options.ts'
import { httpTarget } from '../../src/target/http/http-target.ts'
import { applied } from '../../src/target/target.ts'
import { VirtualClock } from '../../src/testing/virtual-clock.ts'
import type { Row } from '../testing/versioned-store.ts'
import { openRegions } from './support/regions.ts'

const hour = 3_600_000

/** From eu to us by `httpTarget`, whose requests `way` may keep from `forwardReceiver` there. */
async function open(batch: boolean, options: Partial<HttpTargetOptions<Row>> = {}) {
  const clock = new VirtualClock()
  const link: { way: HttpFetch | undefined } = { way: undefined }
  const fetch: HttpFetch = async (url, init) => {
    if (link.way !== undefined) return link.way(url, init)
    const body = batch ? String(init.body) : `{"records":[${String(init.body)}]}`
    const answer = await forwardReceiver(regions.at('us').rows)(body)
    return answerOf(answer.status, answer.body)
  }
  const regions = await openRegions({
    clock,
    longestPause: '30s',
    endOf: (from, to) =>
      from === 'eu' && to === 'us'
        ? httpTarget<Row>({ url: 'http://us.invalid/', batch, fetch, clock, ...options })
        : undefined,
  })
  return { ...regions, clock, link }
}

const answerOf = (status: number, body: string): HttpFetchAnswer => ({
  status,
  headers: new Headers(),
  body: new Response(body).body,
})

const silent: HttpFetch = (_, { signal }) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const ways: readonly (readonly [string, HttpFetch, boolean])[] = [
  ['answers nothing', silent, true],
  ['answers nothing to one record at a time', silent, false],
  ['has a gateway before it that answers 502', async () => answerOf(502, 'Bad Gateway'), true],
  ['has a page of maintenance before it, with 200', async () => answerOf(200, '<html>'), true],
]

const long = `{"results":[],"x":"${'y'.repeat(2000)}"}`

const broken = (): HttpFetchAnswer => {
  const cut = Object.assign(new Error('cut'), { code: 'ECONNRESET' })
  const body = new ReadableStream<Uint8Array>({ pull: (stream) => stream.error(cut) })
  return { status: 200, headers: new Headers(), body }
}

/** Answers of which what is wrong with a record may be the part that is not there. */
const unreadable: readonly (readonly [string, HttpFetch])[] = [
  ['is a 207 without results', async () => answerOf(207, '<html>')],
  ['is longer than is read', async () => answerOf(200, long)],
  ['breaks off', async () => broken()],
]

/** Ends that do not send what `forwardReceiver` takes: there a success alone is for all. */
const ownEnds: readonly (readonly [string, Partial<HttpTargetOptions<Row>>])[] = [
  ['compares versions', { idempotency: 'version' }],
  ['has a body of its own', { body: (_, all) => JSON.stringify({ records: all.map(jsonOf) }) }],
]

const jsonOf = ({ version, ...rest }: WalRecord<Row>) => ({ ...rest, version: String(version) })

describe('a peer over HTTP', () => {
  for (const [what, way, batch] of ways) {
    it(`that ${what} for hours costs no attempt of a lone record, which is there once it is back`, async () => {
      const { at, clock, link, close } = await open(batch)
      link.way = way
      const payload = { title: 'Rope' }
      await clock.runUntil(at('eu').rows.write({ key: 'a', payload }))
      await clock.advance(3 * hour)
      expect(at('eu').events.deadLettered).toEqual([])
      const { targets } = (await at('eu').wal.status()).namespaces.rows
      expect(targets['us']).toMatchObject({ pending: 1, delivery: { deadLettered: 0 } })
      // Open, or asking.
      expect(targets['us']?.delivery?.breaker).not.toBe('closed')
      link.way = undefined
      await clock.advance(60_000)
      expect(await at('us').store.read('a')).toEqual(payload)
      await close()
    })
  }

  it('is sent what traces a record, in a batch, too', async () => {
    const traceContext = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
    for (const each of [traceContext, undefined]) {
      const { at, clock, close } = await open(true)
      const came: unknown[] = []
      const { store } = at('us')
      vi.spyOn(store, 'applyOne').mockImplementation((record) => {
        came.push(record.traceContext)
        return applied
      })
      await clock.runUntil(at('eu').rows.write({ key: 'a', payload: {}, traceContext: each }))
      await clock.advance(100)
      expect(came).toEqual([each])
      await close()
    }
  })

  it('still refuses for good what it will never take', async () => {
    const { at, clock, link, close } = await open(true)
    link.way = async () => answerOf(413, 'too large')
    await clock.runUntil(at('eu').rows.write({ key: 'a', payload: {} }))
    await clock.advance(1000)
    expect(at('eu').events.deadLettered).toMatchObject([{ attempts: [{ code: 'HTTP_413' }] }])
    await close()
  })

  for (const [which, options] of ownEnds) {
    for (const [what, way] of unreadable) {
      it(`that ${which} keeps its record where the answer to a batch ${what}`, async () => {
        const { at, clock, link, close } = await open(true, { ...options, answerBytes: 1000 })
        link.way = way
        await clock.runUntil(at('eu').rows.write({ key: 'a', payload: { year: 1 } }))
        await clock.advance(hour)
        const { targets } = (await at('eu').wal.status()).namespaces.rows
        expect(targets['us']).toMatchObject({ pending: 1, delivery: { applied: 0 } })
        expect(at('eu').events.deadLettered).toEqual([])
        link.way = undefined
        await clock.advance(60_000)
        expect(await at('us').store.read('a')).toEqual({ year: 1 })
        await close()
      })
    }

    it(`that ${which} is done with by a success that says no more`, async () => {
      const { at, clock, link, close } = await open(true, options)
      link.way = async () => answerOf(200, '')
      await clock.runUntil(at('eu').rows.write({ key: 'a', payload: {} }))
      await clock.advance(100)
      const { targets } = (await at('eu').wal.status()).namespaces.rows
      expect(targets['us']).toMatchObject({ pending: 0, delivery: { applied: 1 } })
      await close()
    })
  }

  it('whose `classify` throws costs a lone record its attempts, as anywhere', async () => {
    const classify = () => {
      throw new Error('no such table')
    }
    const { at, clock, close } = await open(true, { classify })
    await clock.runUntil(at('eu').rows.write({ key: 'a', payload: {} }))
    await clock.advance(hour)
    const { deadLettered } = at('eu').events
    expect(deadLettered).toMatchObject([{ target: 'us' }])
    const code = 'HTTP_FAILED'
    expect(deadLettered[0]?.attempts.at(-1)).toMatchObject({ code, class: 'transient' })
    await close()
  })
})

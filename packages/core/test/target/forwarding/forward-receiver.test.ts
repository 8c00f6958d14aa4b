import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { WalError } from '../../../src/errors.ts'
import { OverloadedError } from '../../../src/producer/write-budget.ts'
import { forwardReceiver } from '../../../src/target/forwarding/forward-receiver.ts'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import type { ForwardingNamespace } from '../../../src/target/wal/wal-target.ts'
import { makeRecord } from '../../../src/testing/make-record.ts'
import { applyTo } from '../../testing/apply-to.ts'
import { filmsWal } from '../support/films-wal.ts'

/** A server that takes what is forwarded into a namespace, and a target that sends to it. */
async function served<P>(namespace: ForwardingNamespace<P>) {
  const receive = forwardReceiver(namespace)
  const server = createServer(async (request, response) => {
    const { status, body } = await receive(request)
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const target = httpTarget<P>({ url: `http://127.0.0.1:${port}/films`, batch: true })
  return { target, close: () => new Promise((resolve) => server.close(resolve)) }
}

describe('forwardReceiver', () => {
  it('brings records over HTTP into a namespace, as they are', async () => {
    const { wal, films, store } = await filmsWal({ region: { name: 'us', number: 1 } })
    const { target, close } = await served(films)
    const put = makeRecord({
      key: 'a',
      payload: { title: 'Rope' },
      origin: 'eu',
      headers: { h: '1' },
    })
    const gone = {
      ...makeRecord({ key: 'b', origin: 'eu' }),
      op: 'delete',
      payload: undefined,
    } as const
    const wrong = makeRecord({ key: 'c', payload: { year: -1 }, origin: 'eu' })
    expect(await applyTo(target, put, gone, wrong)).toMatchObject([
      { status: 'applied' },
      { status: 'applied' },
      { status: 'permanent', code: 'ERR_INVALID_RECORD' },
    ])
    await wal.drain()
    expect(store.came).toEqual([put.id, gone.id])
    expect(await store.read('a')).toEqual({ title: 'Rope' })
    await wal.close()
    expect(await applyTo(target, put)).toMatchObject([{ status: 'unavailable', code: 'HTTP_503' }])
    await close()
  })

  it('says of each record what becomes of it, and how long to wait', async () => {
    const ahead = Object.assign(new WalError('ERR_VERSION_AHEAD', 'early', { retryable: true }), {
      retryAfterMs: 4000,
    })
    const errors = [undefined, ahead, new OverloadedError('full', 70)]
    const { target, close } = await served({
      forward: async (records) =>
        records.map(({ id, version }, index) => {
          const error = errors[index]
          return error === undefined
            ? { id, version, durable: 'yes' as const }
            : { id, version, durable: 'no' as const, error }
        }),
    })
    const outcomes = await applyTo(target, makeRecord(), makeRecord(), makeRecord())
    expect(outcomes).toMatchObject([
      { status: 'applied' },
      { status: 'held', code: 'ERR_VERSION_AHEAD', retryAfterMs: 4000 },
      { status: 'throttled', code: 'ERR_OVERLOADED', retryAfterMs: 70 },
    ])
    await close()
  })

  it('takes bytes, and versions only as digits', async () => {
    const came: unknown[] = []
    const receive = forwardReceiver({
      forward: async (records) => {
        came.push(...records.map(({ version, payload }) => [version, payload]))
        return records.map(({ id }) => ({ id, version: 1n, durable: 'yes' as const }))
      },
    })
    const bytes = { payload: 'aGk=', payloadEncoding: 'base64' }
    const records = [
      { id: 'a', version: '9007199254740991', ...bytes },
      { id: 'b', version: 5 },
    ]
    expect(await receive(JSON.stringify({ records }))).toMatchObject({ status: 200 })
    expect(came).toEqual([
      [9_007_199_254_740_991n, new Uint8Array([104, 105])],
      [5, undefined],
    ])
  })

  for (const [what, body] of [
    ['no JSON', '{'],
    ['null', 'null'],
    ['one record', '{"id":"a"}'],
    ['records without ids', '{"records":[{}]}'],
  ]) {
    it(`answers 400 to ${what}`, async () => {
      const receive = forwardReceiver({ forward: () => Promise.reject(new Error('not asked')) })
      expect(await receive(body as string)).toMatchObject({ status: 400 })
    })
  }
})

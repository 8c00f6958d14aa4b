import { generateKeyPairSync, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { makeRecord } from '../../../src/testing/index.ts'
import { Application, type Received } from './support/application.ts'
import { applyOne, applyTo } from './support/apply-one.ts'

let application: Application
beforeAll(async () => {
  application = await Application.start()
})
beforeEach(() => {
  application.received.length = 0
})
afterAll(() => application[Symbol.asyncDispose]())

function onlyRequest(): Received {
  const [request, ...more] = application.received
  if (request === undefined || more.length > 0) {
    throw new Error(`${application.received.length} requests, not one`)
  }
  return request
}

const [secret, older] = [
  `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
  `whsec_${Buffer.alloc(32, 9).toString('base64')}`,
]

describe('the request for a record', () => {
  it('carries its id as idempotency key, and its fields as JSON', async () => {
    const version = 2n ** 53n + 1n
    const record = makeRecord({
      key: 'tt1',
      version,
      origin: 'eu',
      headers: { a: 'b' },
      payload: { n: 1 },
    })
    await applyOne(
      { url: application.url('/films'), headers: { Authorization: 'Bearer t' } },
      record,
    )
    const { method, path, headers, text } = onlyRequest()
    expect([method, path]).toEqual(['POST', '/films'])
    expect(headers).toMatchObject({
      'idempotency-key': record.id,
      'webhook-id': record.id,
      authorization: 'Bearer t',
      'content-type': 'application/json',
    })
    expect(headers).not.toHaveProperty('webhook-signature')
    expect(JSON.parse(text)).toEqual({
      id: record.id,
      namespace: record.namespace,
      key: 'tt1',
      op: 'put',
      version: '9007199254740993',
      origin: 'eu',
      writtenAt: record.writtenAt,
      headers: { a: 'b' },
      payload: { n: 1 },
    })
  })

  it('carries the payload alone if asked to, with the other fields in headers', async () => {
    const options = { url: application.url(), body: 'payload' } as const
    await applyOne(options, { key: 'Ærø ☃', version: 17n, payload: { title: 'Rope' } })
    await applyOne(options, { key: undefined, op: 'delete', payload: undefined } as never)
    await applyOne(options, { payload: new Uint8Array([104, 105]) })
    const [json, nothing, bytes] = application.received
    expect(json?.text).toBe('{"title":"Rope"}')
    expect(json?.headers).toMatchObject({
      'daybook-key': encodeURIComponent('Ærø ☃'),
      'daybook-op': 'put',
      'daybook-version': '17',
      'daybook-origin': 'local',
    })
    expect(nothing?.text).toBe('')
    expect(nothing?.headers).not.toHaveProperty('daybook-key')
    expect(bytes?.text).toBe('hi')
    expect(bytes?.headers['content-type']).toBe('application/octet-stream')
  })

  it('holds bytes in base64 where its body is JSON', async () => {
    await applyOne({ url: application.url() }, { payload: new Uint8Array([0, 255]) })
    expect(JSON.parse(onlyRequest().text)).toMatchObject({
      payload: 'AP8=',
      payloadEncoding: 'base64',
    })
  })

  it('goes where, and as, functions of the record say', async () => {
    const target = httpTarget<{ n: number }>({
      url: ({ key = '' }) => application.url(`/films/${encodeURIComponent(key)}`),
      hosts: [application.host],
      method: ({ op }) => (op === 'delete' ? 'DELETE' : 'PUT'),
      body: ({ op, payload }) => (op === 'delete' ? undefined : `n=${payload?.n}`),
      headers: async () => ({ 'Content-Type': 'text/plain', 'X-Token': 'fresh' }),
      idempotencyHeader: 'X-Request-Id',
    })
    const records = [
      makeRecord({ key: 'a/b', payload: { n: 5 } }),
      makeRecord({ key: 'c', op: 'delete' }),
    ]
    for (const record of records) await applyTo(target as never, [record])
    expect(application.received.map(({ method, path, text }) => [method, path, text])).toEqual([
      ['PUT', '/films/a%2Fb', 'n=5'],
      ['DELETE', '/films/c', ''],
    ])
    expect(application.received[0]?.headers).toMatchObject({
      'content-type': 'text/plain',
      'x-token': 'fresh',
      'x-request-id': records[0]?.id,
    })
  })

  it('has its id in one header only where no second one is wanted', async () => {
    const record = makeRecord()
    await applyOne({ url: application.url(), idempotencyHeader: false }, record)
    const { headers } = onlyRequest()
    expect(headers['webhook-id']).toBe(record.id)
    expect(headers).not.toHaveProperty('idempotency-key')
  })

  it('passes the trace on', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    await applyOne({ url: application.url() }, { traceContext: { traceparent, tracestate: 'a=1' } })
    expect(onlyRequest().headers).toMatchObject({ traceparent, tracestate: 'a=1' })
  })

  it('is the same for the same batch, and names each of its records', async () => {
    const target = httpTarget({ url: application.url(), batch: { maxRecords: 7 } })
    expect(target.largestBatch).toEqual({ maxRecords: 7, maxBytes: 2 ** 20 })
    const [a, b] = [makeRecord(), makeRecord()]
    for (const batch of [[a, b], [a, b], [a]]) await applyTo(target, batch)
    const keys = application.received.map(({ headers }) => headers['idempotency-key'])
    expect(keys[0]).toBe(keys[1])
    expect(keys[2]).toBe(a.id)
    expect(JSON.parse(application.received[0]?.text ?? '').records).toMatchObject([
      { id: a.id },
      { id: b.id },
    ])
  })
})

describe('the signature of a request', () => {
  it('is one that the library of Standard Webhooks takes', async () => {
    await applyOne({ url: application.url(), signing: secret }, { payload: { title: 'Gøsta ☃' } })
    const { headers, text } = onlyRequest()
    expect(new Webhook(secret).verify(text, headers as Record<string, string>)).toMatchObject({
      payload: { title: 'Gøsta ☃' },
    })
    expect(() => new Webhook(older).verify(text, headers as Record<string, string>)).toThrow(
      /match/,
    )
    const other = text.replace('Gøsta', 'Gosta')
    expect(() => new Webhook(secret).verify(other, headers as Record<string, string>)).toThrow(
      /match/,
    )
  })

  it('is there for each secret while they are changed over', async () => {
    const secrets = [secret]
    const target = httpTarget({ url: application.url(), signing: () => secrets })
    await applyTo(target, [makeRecord()])
    secrets.push(older)
    await applyTo(target, [makeRecord()])
    const [before, after] = application.received
    expect(String(before?.headers['webhook-signature']).split(' ')).toHaveLength(1)
    for (const each of secrets) {
      new Webhook(each).verify(after?.text ?? '', after?.headers as Record<string, string>)
    }
  })

  it('may be made with a private key', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    await applyOne({ url: application.url(), signing: [privateKey, secret] })
    const { headers, text } = onlyRequest()
    const [first = '', second = ''] = String(headers['webhook-signature']).split(' ')
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`
    const signature = Buffer.from(first.replace(/^v1a,/, ''), 'base64')
    expect(verify(null, Buffer.from(signed), publicKey, signature)).toBe(true)
    expect(second).toMatch(/^v1,/)
  })

  it('is over the body as it is sent, also of bytes and of a batch', async () => {
    const url = application.url()
    await applyOne({ url, signing: secret, body: () => new Uint8Array([123, 125]) })
    await applyTo(httpTarget({ url, signing: secret, batch: true }), [makeRecord(), makeRecord()])
    expect(application.received).toHaveLength(2)
    for (const { text, headers } of application.received) {
      new Webhook(secret).verify(text, headers as Record<string, string>)
    }
  })
})

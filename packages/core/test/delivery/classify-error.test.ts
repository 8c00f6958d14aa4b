import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { classifyError } from '../../src/delivery/classify-error.ts'
import { WalError, type WalErrorCode } from '../../src/errors.ts'
import { permanent, throttled, transient, unavailable } from '../../src/target/target.ts'

function withCode(code: string, cause?: unknown): Error {
  return Object.assign(new Error(`it says ${code}`, { cause }), { code })
}

describe('an error that a target throws', () => {
  test.each<[WalErrorCode, string]>([
    ['ERR_PERMANENT', 'permanent'],
    ['ERR_TRANSIENT', 'transient'],
    ['ERR_THROTTLED', 'throttled'],
    ['ERR_UNAVAILABLE', 'unavailable'],
    ['ERR_APPLY_TIMEOUT', 'timeout'],
    ['ERR_IO', 'transient'],
  ])('goes by its code if it is one of ours: %s is %s', (code, expected) => {
    expect(classifyError(new WalError(code, 'so'))).toMatchObject({ class: expected, code })
  })

  test.each([
    [permanent('A', 'a'), 'permanent'],
    [transient('B', 'b'), 'transient'],
    [throttled('C', 'c', { retryAfterMs: 7 }), 'throttled'],
    [unavailable('D', 'd'), 'unavailable'],
  ])('is what it says if it is an outcome: %o', (outcome, expected) => {
    const { code, message, retryAfterMs } = outcome
    expect(classifyError(outcome)).toEqual({ class: expected, code, message, retryAfterMs })
  })

  test.each([
    ...[
      'ECONNREFUSED',
      'ENOTFOUND',
      'ETIMEDOUT',
      'EHOSTUNREACH',
      'ECONNRESET',
      'EPIPE',
      'EAI_AGAIN',
    ],
    ...['EHOSTDOWN', 'ENETRESET', 'ECONNABORTED', 'EAI_FAIL', 'EPROTO', 'EMFILE'],
    ...['UND_ERR_SOCKET', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_CLOSED', 'CERT_HAS_EXPIRED'],
    ...['ERR_TLS_CERT_ALTNAME_INVALID', 'HPE_INVALID_CONSTANT'],
  ])('is an outage if the connection says %s, also as a cause', (code) => {
    expect(classifyError(withCode(code))).toMatchObject({ class: 'unavailable', code })
    const wrapped = withCode('UND_ERR', new Error('again', { cause: withCode(code) }))
    expect(classifyError(wrapped)).toMatchObject({ class: 'unavailable', code })
  })

  test('is an outage if every address of a host refuses', () => {
    const error = new AggregateError([withCode('ECONNREFUSED'), withCode('ECONNREFUSED')], 'all')
    expect(classifyError(error)).toMatchObject({ class: 'unavailable', code: 'ECONNREFUSED' })
  })

  test('is an outage if the server drops the connection of a fetch', async () => {
    const server = createServer((socket) => socket.on('data', () => socket.end()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const error: unknown = await fetch(`http://127.0.0.1:${port}/`).catch((thrown) => thrown)
    server.close()
    expect(error).toBeInstanceOf(TypeError)
    expect(classifyError(error)).toMatchObject({ class: 'unavailable', code: 'UND_ERR_SOCKET' })
  })

  test('is transient if only the answer did not come in time', () => {
    const cause = withCode('UND_ERR_HEADERS_TIMEOUT')
    expect(classifyError(new TypeError('fetch failed', { cause }))).toMatchObject({
      class: 'transient',
    })
  })

  test.each([
    [new TypeError('oops'), 'TypeError', 'oops'],
    [withCode('ER_DUP'), 'ER_DUP', 'it says ER_DUP'],
    [Object.assign(new Error('n'), { code: 42 }), '42', 'n'],
    ['just words', 'UNKNOWN', 'just words'],
    [undefined, 'UNKNOWN', 'undefined'],
    [null, 'UNKNOWN', 'null'],
  ])('is transient if nobody knows it: %s', (error, code, message) => {
    expect(classifyError(error)).toMatchObject({ class: 'transient', code, message })
  })

  test('with a loop of causes is still told', () => {
    const error = new Error('loop')
    error.cause = error
    expect(classifyError(error)).toMatchObject({ class: 'transient' })
    const all = new AggregateError([], 'loop of many')
    all.errors.push(...Array.from({ length: 20 }, () => new AggregateError([all, all], 'again')))
    expect(classifyError(all)).toMatchObject({ class: 'transient' })
  })

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '7'])(
    'with an absurd wait has none: %s',
    (retryAfterMs) => {
      const error = Object.assign(new WalError('ERR_THROTTLED', 'less'), { retryAfterMs })
      expect(classifyError(error).retryAfterMs).toBeUndefined()
    },
  )
})

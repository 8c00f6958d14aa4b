import { createServer } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { httpTarget } from '../../../src/target/http/http-target.ts'
import { makeRecord, VirtualClock } from '../../../src/testing/index.ts'
import { Application } from './support/application.ts'
import { applyOne, applyTo } from './support/apply-one.ts'

let application: Application
beforeEach(async () => {
  application = await Application.start()
})
afterEach(() => application[Symbol.asyncDispose]())

describe('a connection that fails', () => {
  it('is an outage where nobody listens', async () => {
    const gone = await Application.start()
    const url = gone.url('/films?token=hidden')
    await gone[Symbol.asyncDispose]()
    const outcome = await applyOne({ url })
    expect(outcome).toMatchObject({ status: 'unavailable', code: 'ECONNREFUSED' })
    expect(JSON.stringify(outcome)).not.toContain('hidden')
  })

  it('is an outage where the name is unknown', async () => {
    expect(await applyOne({ url: 'http://nowhere.invalid/' })).toMatchObject({
      status: 'unavailable',
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
    })
  })

  it('is an outage where it breaks in the middle of a request', async () => {
    application.handle = () => undefined
    const applying = applyTo(httpTarget({ url: application.url(), batch: true }), [
      makeRecord(),
      makeRecord(),
    ])
    while (application.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    application.cutWaiting()
    expect(await applying).toMatchObject([{ status: 'unavailable' }, { status: 'unavailable' }])
  })

  it('is an outage where the server does not speak HTTP', async () => {
    const server = createTcpServer((socket) => socket.on('data', () => socket.end('SSH-2.0-x\r\n')))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const outcome = await applyOne({ url: `http://127.0.0.1:${port}/` })
    server.close()
    expect(outcome).toMatchObject({
      status: 'unavailable',
      code: expect.stringMatching(/^(HPE_|HTTPParserError)/),
    })
  })

  it('is an outage where the certificate is not taken', async () => {
    const fetch = async () => {
      const cause = Object.assign(new Error('self-signed certificate'), {
        code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
      })
      throw new TypeError('fetch failed', { cause })
    }
    expect(await applyOne({ url: application.url(), fetch })).toMatchObject({
      status: 'unavailable',
      code: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    })
  })

  it('is found among the addresses of a host', async () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    const fetch = async () => {
      throw new TypeError('fetch failed', {
        cause: new AggregateError([refused, refused], 'all failed'),
      })
    }
    const outcome = await applyOne({ url: application.url(), fetch })
    expect(outcome).toMatchObject({ status: 'unavailable', code: 'ECONNREFUSED' })
  })
})

describe('an application that does not answer', () => {
  it('costs a request its time-out, and is asked no second time', async () => {
    application.handle = () => undefined
    const clock = new VirtualClock()
    const applying = applyOne({ url: application.url(), timeout: 30, clock })
    await expect.poll(() => application.received.length).toBe(1)
    await clock.advance(30)
    expect(await applying).toMatchObject({
      status: 'transient',
      code: 'HTTP_TIMEOUT',
      message: expect.stringContaining('no answer within 30 ms'),
    })
    expect(application.received).toHaveLength(1)
  })

  it('has answered once its status has come, though its body never ends', async () => {
    const server = createServer((request, response) => {
      request.resume()
      response.writeHead(200).write('begun')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const url = `http://127.0.0.1:${port}/`
    const one = await applyOne({ url, timeout: 200 })
    const batch = httpTarget({ url, timeout: 200, batch: true })
    const many = applyTo(batch, [makeRecord(), makeRecord()])
    await expect(many).rejects.toMatchObject({ code: 'ERR_TRANSIENT' })
    server.closeAllConnections()
    server.close()
    expect(one).toEqual({ status: 'applied' })
  })

  it('holds nobody once the signal aborts, also where fetch or headers take no notice', async () => {
    const never = () => new Promise<never>(() => {})
    const url = application.url()
    for (const options of [
      { url, fetch: never },
      { url, headers: never },
    ]) {
      const stop = new AbortController()
      const applying = applyTo(httpTarget(options), [makeRecord()], stop.signal)
      stop.abort()
      expect(await applying).toMatchObject([{ status: 'transient' }])
    }
    expect(application.received).toHaveLength(0)
  })
})

describe('a redirect', () => {
  const redirectTo = (location: string, status: number) => {
    application.handle = ({ path }) =>
      path === '/old' ? { status, headers: { location } } : { status: 200 }
    return applyOne({ url: application.url('/old'), headers: { authorization: 'Bearer s3cret' } })
  }

  it('is followed on the same host where method and body stay', async () => {
    for (const status of [307, 308]) {
      application.received.length = 0
      expect(await redirectTo('/new', status)).toEqual({ status: 'applied' })
      const [first, second] = application.received
      expect(second).toMatchObject({ path: '/new', method: 'POST', text: first?.text })
      expect(second?.headers['authorization']).toBe('Bearer s3cret')
    }
  })

  it('is not followed to another host', async () => {
    await using other = await Application.start()
    for (const location of [
      other.url('/new?token=x'),
      `http://localhost:${application.port}/new`,
    ]) {
      const outcome = await redirectTo(location, 308)
      expect(outcome).toMatchObject({ status: 'unavailable', code: 'HTTP_REDIRECT' })
      expect(JSON.stringify(outcome)).not.toContain('token=x')
    }
    expect(other.received).toEqual([])
  })

  it('is not followed to a place without TLS, nor with a user name in it', async () => {
    const asked: string[] = []
    const ask = (url: string, location: string) => {
      const fetch = async (address: string) => {
        asked.push(address)
        return new Response(null, {
          status: asked.length % 2 === 1 ? 308 : 204,
          headers: { location },
        })
      }
      return applyOne({ url, fetch })
    }
    const redirected = { status: 'unavailable', code: 'HTTP_REDIRECT' }
    const host = 'films.example.com'
    expect(await ask(`https://${host}/a`, `http://${host}/b`)).toMatchObject(redirected)
    asked.length = 0
    expect(await ask(`https://${host}/a`, `https://me:pw@${host}/b`)).toMatchObject(redirected)
    asked.length = 0
    expect(await ask(`http://${host}/a`, `https://${host}/b`)).toEqual({ status: 'applied' })
    expect(asked).toEqual([`http://${host}/a`, `https://${host}/b`])
  })

  it('is not followed where it would make a GET of it, or goes in a circle', async () => {
    for (const status of [301, 302, 303]) {
      application.received.length = 0
      expect(await redirectTo('/new', status)).toMatchObject({ code: 'HTTP_REDIRECT' })
      expect(application.received).toHaveLength(1)
    }
    application.received.length = 0
    expect(await redirectTo('/old', 308)).toMatchObject({ code: 'HTTP_REDIRECT' })
    expect(application.received).toHaveLength(4)
  })
})

describe('a record that cannot be sent', () => {
  it('is refused for good where its address is not allowed', async () => {
    const options = { url: () => application.url(), hosts: ['films.example.com'] }
    expect(await applyOne(options)).toMatchObject({ status: 'permanent', code: 'HTTP_ADDRESS' })
    expect(application.received).toEqual([])
  })

  it('is refused for good where its method is none that carries a change', async () => {
    const names = ['GET', 'post', 'DELETE\r\nX: y', '', undefined, 7]
    for (const name of names) {
      const options = { url: application.url(), method: () => name as never }
      const reason = /'POST', 'PUT', 'PATCH' or 'DELETE'/
      expect(await applyOne(options), `${name}`).toMatchObject({
        status: 'permanent',
        code: 'HTTP_METHOD',
        message: expect.stringMatching(reason),
      })
      expect(httpTarget(options).validate?.(makeRecord())).toMatch(reason)
    }
    expect(application.received).toEqual([])
    const fine = httpTarget({ url: application.url(), method: () => 'PATCH' })
    expect(fine.validate?.(makeRecord())).toBeUndefined()
  })

  it('is refused for good where JSON cannot hold its payload', async () => {
    const outcome = await applyOne({ url: application.url() }, { payload: { n: 1n } })
    expect(outcome).toMatchObject({ status: 'permanent', code: 'HTTP_BODY' })
  })

  it('waits where the headers cannot be had, and shows none of them', async () => {
    const failing = async () => {
      throw new Error('no token today')
    }
    const url = application.url()
    expect(await applyOne({ url, headers: failing })).toMatchObject({
      status: 'unavailable',
      code: 'HTTP_HEADERS',
      message: 'headers() failed: no token today',
    })
    const broken = await applyOne({ url, headers: () => ({ authorization: 's3cret\nx: y' }) })
    expect(broken).toMatchObject({ status: 'unavailable', code: 'HTTP_HEADERS' })
    expect(JSON.stringify(broken)).not.toContain('s3cret')
  })
})

describe('a key that signs', () => {
  it('holds records up while it cannot be had, or is none, and is not shown', async () => {
    const signings = [
      [
        async () => Promise.reject(new Error('no secret today')),
        /signing\(\) failed: no secret today/,
      ],
      [() => 's3cret', /a secret begins with whsec_/],
      [() => undefined as never, /it answered no key/],
      [() => [], /it answered no key/],
    ] as const
    for (const [signing, reason] of signings) {
      const outcome = await applyOne({ url: application.url(), signing })
      const message = expect.stringMatching(reason)
      expect(outcome).toMatchObject({ status: 'unavailable', code: 'HTTP_SIGNING', message })
      expect(JSON.stringify(outcome)).not.toContain('s3cret')
    }
    expect(application.received).toEqual([])
  })
})

describe('the probe of an application', () => {
  const { signal } = new AbortController()

  it('asks its address with the headers of the target, and rejects unless it answers 2xx', async () => {
    const target = httpTarget({
      url: application.url('/films'),
      health: application.url('/health'),
      headers: { authorization: 'Bearer s3cret' },
    })
    await target.health?.({ signal })
    expect(application.received).toMatchObject([
      { method: 'GET', path: '/health', headers: { authorization: 'Bearer s3cret' } },
    ])
    application.handle = () => ({ status: 500 })
    await expect(target.health?.({ signal })).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
  })

  it('sends no credentials to another host', async () => {
    await using other = await Application.start()
    const headers = { authorization: 'Bearer s3cret' }
    const target = httpTarget({ url: application.url(), health: other.url(), headers })
    await target.health?.({ signal })
    expect(other.received[0]?.headers).not.toHaveProperty('authorization')
  })
})

import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type TcpProxy, tcpProxy } from '../../src/proxy/tcp-proxy.ts'

let server: Server
let proxy: TcpProxy
let accepted: Peer[]

beforeEach(async () => {
  accepted = []
  server = createServer({ allowHalfOpen: true }, (socket) => accepted.push(new Peer(socket)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy = await tcpProxy({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
})

afterEach(async () => {
  await proxy.close()
  for (const { socket } of accepted) socket.destroy()
  server.close()
})

/** One end of a connection, and what it has heard. */
class Peer {
  readonly socket: Socket
  received = ''
  ended = false
  error: NodeJS.ErrnoException | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.received += text
    })
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', (error) => {
      this.error = error
    })
  }

  async hears(text: string): Promise<void> {
    await until(() => this.received === text)
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2) // the test's own time limit ends it
}

async function openClient(): Promise<Peer> {
  const peer = new Peer(connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true }))
  await once(peer.socket, 'connect')
  return peer
}

/** A client and the server's end of its connection. */
async function openPair(): Promise<{ client: Peer; far: Peer }> {
  const before = accepted.length
  const client = await openClient()
  await until(() => accepted.length > before)
  return { client, far: accepted[before] as Peer }
}

/** Has the event loop turn often enough for bytes to have passed if they could. */
async function settle(): Promise<void> {
  await sleep(60)
}

describe('fair weather', () => {
  test('passes bytes both ways, as they are, and counts them', async () => {
    const { client, far } = await openPair()
    client.socket.write('hello')
    await far.hears('hello')
    far.socket.write('good day')
    await client.hears('good day')
    expect(proxy.passed).toEqual({ up: 5, down: 8 })
    expect(proxy.connections).toBe(1)
  })

  test('passes on an end, after the bytes before it, and leaves the other way open', async () => {
    const { client, far } = await openPair()
    client.socket.end('last words')
    await until(() => far.ended)
    expect(far.received).toBe('last words')
    far.socket.end('answer')
    await until(() => client.ended)
    expect(client.received).toBe('answer')
    await until(() => proxy.connections === 0)
  })

  test('passes on a reset', async () => {
    const { client, far } = await openPair()
    far.socket.resetAndDestroy()
    await until(() => client.socket.destroyed)
    expect(client.error?.code).toBe('ECONNRESET')
  })

  test('carries more than all buffers hold to a reader that takes its time', async () => {
    const { client, far } = await openPair()
    far.socket.pause()
    const text = 'x'.repeat(8 * 1024 * 1024)
    client.socket.write(text)
    await settle()
    far.socket.resume()
    await until(() => far.received.length === text.length)
  })

  test('resets a client while the server refuses', async () => {
    server.close()
    const client = await openClient()
    await until(() => client.socket.destroyed)
    expect(client.error?.code).toBe('ECONNRESET')
  })
})

describe('a delay', () => {
  test('lets nothing arrive early, in order, in the direction named', async () => {
    const { client, far } = await openPair()
    proxy.delay(80, 'up')
    const sent = performance.now()
    client.socket.write('one ')
    client.socket.write('two')
    await far.hears('one two')
    expect(performance.now() - sent).toBeGreaterThanOrEqual(79)
    far.socket.write('back')
    await client.hears('back')
  })

  test('holds for an end as for bytes', async () => {
    const { client, far } = await openPair()
    proxy.delay(80)
    const sent = performance.now()
    client.socket.end()
    await until(() => far.ended)
    expect(performance.now() - sent).toBeGreaterThanOrEqual(79)
  })
})

describe('a limit', () => {
  test('lets bytes arrive no faster', async () => {
    const { client, far } = await openPair()
    proxy.limit(100_000, 'down')
    const sent = performance.now()
    far.socket.write('x'.repeat(20_000))
    await client.hears('x'.repeat(20_000))
    expect(performance.now() - sent).toBeGreaterThanOrEqual(180)
  })
})

describe('held', () => {
  test('keeps bytes back until it heals, and then loses none', async () => {
    const { client, far } = await openPair()
    proxy.hold()
    client.socket.write('up')
    far.socket.write('down')
    await settle()
    expect([far.received, client.received]).toEqual(['', ''])
    await proxy.heal()
    await far.hears('up')
    await client.hears('down')
  })

  test('accepts connections that then hear nothing', async () => {
    proxy.hold()
    const client = await openClient()
    client.socket.write('anybody?')
    await until(() => accepted.length === 1)
    await settle()
    expect(accepted[0]?.received).toBe('')
    expect(client.socket.destroyed).toBe(false)
  })

  test('in one direction passes the other', async () => {
    const { client, far } = await openPair()
    proxy.hold('down')
    client.socket.write('asked')
    await far.hears('asked')
    far.socket.write('answered')
    await settle()
    expect(client.received).toBe('')
  })

  test('tells a client nothing of a server that died, until it heals', async () => {
    const { client, far } = await openPair()
    proxy.hold()
    far.socket.resetAndDestroy()
    client.socket.write('still there?')
    await settle()
    expect(client.error).toBeUndefined()
    expect(client.socket.destroyed).toBe(false)
    await proxy.heal()
    await until(() => client.socket.destroyed)
    expect(client.error?.code).toBe('ECONNRESET')
  })

  test('tells a server nothing of a client that ended, until it heals', async () => {
    const { client, far } = await openPair()
    proxy.hold()
    client.socket.destroy()
    await settle()
    expect(far.ended).toBe(false)
    await proxy.heal()
    await until(() => far.ended || far.socket.destroyed)
  })
})

describe('cut and refused', () => {
  test('a cut resets both ends, and takes new connections', async () => {
    const { client, far } = await openPair()
    proxy.cut()
    await until(() => client.socket.destroyed && far.socket.destroyed)
    expect([client.error?.code, far.error?.code]).toEqual(['ECONNRESET', 'ECONNRESET'])
    const next = await openPair()
    next.client.socket.write('again')
    await next.far.hears('again')
  })

  test('a cut loses what was held', async () => {
    const { client, far } = await openPair()
    proxy.hold()
    client.socket.write('lost')
    await settle()
    proxy.cut()
    await until(() => far.socket.destroyed)
    expect(far.received).toBe('')
  })

  test('a refusal turns new connections away, keeps the old, and ends with heal', async () => {
    const { client, far } = await openPair()
    const { port } = proxy
    proxy.refuse()
    const error = await openClient().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    client.socket.write('old')
    await far.hears('old')
    await proxy.heal()
    expect(proxy.port).toBe(port)
    await openPair()
  })
})

test('a proxy connects to a server whose port is a getter, as that of a service is', async () => {
  const { port } = server.address() as AddressInfo
  class Getter {
    readonly host = '127.0.0.1'
    get port(): number {
      return port
    }
  }
  proxy.to(new Getter())
  const { client, far } = await openPair()
  client.socket.write('through')
  await far.hears('through')
  expect(client.error).toBeUndefined()
})

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Outcome } from '@daybook/core'
import { makeRecord, VirtualClock } from '@daybook/core/testing'
import { Memcache } from 'memcache'
import { afterEach, describe, expect, test } from 'vitest'
import { type MemcachedConnection, memcachedTarget } from '../src/index.ts'
import { MemcacheConnection } from '../src/memcache-connection.ts'
import { withVersion } from '../src/memcached-envelope.ts'

const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const end of cleanUp.splice(0).reverse()) await end()
})

/** A server on the loopback address that holds nothing, or takes connections and answers nothing. */
async function smallServer() {
  const state = { isSilent: false, asked: 0, answer: answerTo }
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      state.asked++
      if (!state.isSilent) socket.write(state.answer(`${data}`))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return Object.assign(state, { node: `127.0.0.1:${(server.address() as AddressInfo).port}` })
}

/** What memcached says of each command where nothing is held. */
function answerTo(text: string): string {
  const words: Readonly<Record<string, string>> = {
    version: 'VERSION 1.6.18\r\n',
    mg: 'EN\r\n',
    get: 'END\r\n',
    add: 'STORED\r\n',
  }
  return text
    .split('\r\n')
    .map((line) => words[line.split(' ')[0] ?? ''] ?? '')
    .join('')
}

async function ring() {
  const servers = [await smallServer(), await smallServer()] as const
  const client = new Memcache({ nodes: servers.map(({ node }) => node), timeout: 300 })
  client.on('error', () => {})
  cleanUp.push(() => client.disconnect())
  const keyOf = ({ node }: { readonly node: string }): string => {
    for (let n = 0; ; n++) if (client.hash.getNodesByKey(`k${n}`)[0]?.id === node) return `k${n}`
  }
  return { servers, client, keyOf }
}

async function applyTo(client: MemcachedConnection | Memcache, key: string): Promise<Outcome> {
  const { signal } = new AbortController()
  const context = { namespace: 'n', target: 't', signal, attempts: [1] }
  const outcomes = await memcachedTarget({ client }).apply([makeRecord({ key })], context)
  return outcomes?.[0] as Outcome
}

describe('a server of several that falls silent', () => {
  test('is given up by its oldest command, though newer ones keep its socket busy', async () => {
    const { servers, client, keyOf } = await ring()
    const [silent] = servers
    const connection = new MemcacheConnection(client)
    await Promise.all(servers.map((each) => connection.gets(keyOf(each))))
    silent.isSilent = true
    const began = performance.now()
    const ends: Promise<unknown>[] = []
    const ask = (): void => {
      ends.push(connection.gets(keyOf(silent)).catch((error: unknown) => error))
    }
    const asking = setInterval(ask, 50)
    cleanUp.push(() => clearInterval(asking))
    ask()
    expect(await ends[0]).toMatchObject({ status: 'unavailable', code: 'connection' })
    expect(performance.now() - began).toBeGreaterThanOrEqual(299)
    clearInterval(asking)
    for (const end of await Promise.all(ends)) expect(end).toMatchObject({ code: 'connection' })
  })

  test('holds its records, stays away though it takes connections, and is back once it answers', async () => {
    const { servers, client, keyOf } = await ring()
    const [silent, other] = servers
    const connection = new MemcacheConnection(client)
    silent.isSilent = true
    expect(await applyTo(connection, keyOf(silent))).toMatchObject({ status: 'held' })
    const { asked } = silent
    const again = await applyTo(connection, keyOf(silent))
    expect(again).toMatchObject({ status: 'held', code: 'connection', part: silent.node })
    expect(await applyTo(connection, keyOf(other))).toEqual({ status: 'applied' })
    // It was asked for its version alone, and no record waits for that.
    await expect.poll(() => silent.asked).toBe(asked + 1)
    silent.isSilent = false
    await expect
      .poll(() => applyTo(connection, keyOf(silent)), { timeout: 5_000 })
      .toEqual({ status: 'applied' })
  })

  test('is an outage where it is the only one that is left', async () => {
    const { servers, client, keyOf } = await ring()
    for (const server of servers) server.isSilent = true
    const outcome = await applyTo(client, keyOf(servers[0]))
    expect(outcome).toMatchObject({ status: 'unavailable', code: 'connection' })
  })
})

describe('a server of several that is away', () => {
  test('is waited for twice as long each time, up to half a minute, until it is back', async () => {
    const clock = new VirtualClock()
    const node = (id: string) => {
      const state = { id, up: true, connected: false, hasSaslCredentials: false }
      return Object.assign(state, {
        isConnected: () => state.connected,
        async reconnect() {
          if (!state.up) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
          state.connected = true
        },
        async disconnect() {},
        command: async (text: string) => (text.startsWith('mg') ? 'EN' : undefined),
      })
    }
    const nodes = [node('away'), node('other')] as const
    const client = { nodes, hash: { getNodesByKey: () => [nodes[0]] } }
    const connection = new MemcacheConnection(client, clock)
    const target = memcachedTarget({ client: connection })
    const ask = async (): Promise<number | string | undefined> => {
      const { signal } = new AbortController()
      const context = { namespace: 'n', target: 't', signal, attempts: [1] }
      const [outcome] = (await target.apply([makeRecord({ op: 'put' })], context)) ?? []
      const isHeld = outcome?.status === 'held'
      return isHeld ? (outcome.retryAfterMs ?? 1_000) : outcome?.status
    }
    const [away] = nodes
    const waitFor = async () => {
      const waits: unknown[] = []
      for (let times = 0; times < 7; times++) {
        const ms = await ask()
        // Others that come meanwhile do not make it longer.
        if (times > 0) expect(await ask()).toBe(ms)
        waits.push(ms)
        await clock.advance(Number(ms))
      }
      return waits
    }
    away.up = false
    const waits = [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]
    expect(await waitFor()).toEqual(waits)
    away.up = true
    await ask()
    await expect.poll(() => connection.gets('k')).toBeUndefined()
    Object.assign(away, { up: false, connected: false })
    expect(await waitFor()).toEqual(waits)
  })
})

describe('a server of several that answers, and refuses', () => {
  test('is an outage, which is over when that one takes its key, and not when another answers', async () => {
    const { servers, client, keyOf } = await ring()
    const [old] = servers
    // Time stands still but where the test moves it on: a slow machine must not outwait the server.
    const clock = new VirtualClock()
    const target = memcachedTarget({ client: new MemcacheConnection(client, clock) })
    const { signal } = new AbortController()
    const context = { namespace: 'n', target: 't', signal, attempts: [1] }
    old.answer = (text) => answerTo(text).replaceAll('EN\r\n', 'ERROR\r\n')
    const record = makeRecord({ key: keyOf(old) })
    expect(await target.apply([record], context)).toMatchObject([
      { status: 'unavailable', code: 'ERROR' },
    ])
    await expect(target.health?.({ signal })).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' })
    old.isSilent = true
    const { asked } = old
    const probe = target.health?.({ signal })
    await expect.poll(() => old.asked).toBeGreaterThan(asked)
    await clock.advance(300)
    await probe
    old.isSilent = false
    expect(await target.apply([record], context)).toMatchObject([{ status: 'held' }])
    old.answer = answerTo
    await clock.advance(1_000)
    await expect
      .poll(() => target.apply([record], context), { timeout: 5_000 })
      .toEqual([{ status: 'applied' }])
    await target.health?.({ signal })
    expect(await target.apply([record], context)).toEqual([{ status: 'applied' }])
  })
})

describe('an item that another writer changes between the two commands that read it', () => {
  test('keeps what that one stored, which is newer', async () => {
    const held = { value: withVersion(1n, '"old"'), cas: '1' }
    let reads = 0
    const store = (text: string): string => {
      const [head = '', value = ''] = text.split('\r\n')
      if (head.split(' ').at(-1) !== held.cas) return 'EXISTS'
      Object.assign(held, { value, cas: 'ours' })
      return 'STORED'
    }
    const node = {
      ...{ id: 'one', hasSaslCredentials: false, isConnected: () => true },
      ...{ reconnect: async () => {}, disconnect: async () => {} },
      command: async (text: string) => {
        if (text.startsWith('cas ')) return store(text)
        const answer = text.startsWith('mg ') ? `HD c${held.cas}` : [held.value]
        if (++reads === 1) Object.assign(held, { value: withVersion(9n, '"newest"'), cas: '2' })
        return answer
      },
    }
    const connection = new MemcacheConnection({
      ...{ nodes: [node], hash: { getNodesByKey: () => [node] } },
    })
    const { signal } = new AbortController()
    const context = { namespace: 'n', target: 't', signal, attempts: [1] }
    const between = makeRecord({ version: 5n, payload: 'between' })
    const target = memcachedTarget({ client: connection })
    expect(await target.apply([between], context)).toEqual([{ status: 'superseded' }])
    expect(held.value).toBe(withVersion(9n, '"newest"'))
  })
})

import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import type { HeldItem, ItemChange, MemcachedConnection } from './memcached-connection.ts'
import { casOver, readCas, Sockets } from './sockets.ts'

/** The few methods used of the class `MemcacheClient` of the package `memcache-client`. */
export interface SingleMemcacheClient {
  gets(key: string): Promise<unknown>
  add(key: string, value: string | Buffer, options: { lifetime: number }): Promise<unknown>
  cas(
    key: string,
    value: string | Buffer,
    options: { lifetime: number; casUniq: string },
  ): Promise<unknown>
  version(): Promise<unknown>
  /** Where all of these end. A function writes to the socket that was chosen for it. */
  xsend(data: string | Buffer | ((socket?: Socket) => void), options?: object): Promise<unknown>
}

/** Compare-and-set through `memcache-client`, which knows one server, and has all of it. */
export class MemcacheClientConnection implements MemcachedConnection {
  readonly #client: SingleMemcacheClient
  readonly #sockets = new Sockets()

  constructor(client: SingleMemcacheClient) {
    this.#client = client
  }

  async gets(key: string): Promise<HeldItem | undefined> {
    // It looks the key up in an object: what that inherits is no item.
    let last = 0
    const client = this.#over(() => {
      last = this.#sockets.last
    })
    const item = ((await client.gets(key)) ?? {}) as { value?: unknown; casUniq?: unknown }
    const { value, casUniq } = item
    const isValue = typeof value === 'string' || value instanceof Uint8Array
    if (!isValue || typeof casUniq !== 'string') return undefined
    return { value, cas: casOver(last, casUniq) }
  }

  async store({ key, value, ttlSeconds: lifetime, cas }: ItemChange): Promise<boolean> {
    const bytes = typeof value === 'string' ? value : Buffer.from(value)
    try {
      if (cas === undefined) await this.#client.add(key, bytes, { lifetime })
      else await this.#compareAndSet(key, bytes, lifetime, cas)
      return true
    } catch (error) {
      if (error === readBefore) return false
      if (changed.has((error as Error).message)) return false
      throw error
    }
  }

  ping(): Promise<unknown> {
    return this.#client.version()
  }

  #compareAndSet(
    key: string,
    bytes: string | Buffer,
    lifetime: number,
    cas: string,
  ): Promise<unknown> {
    const [last, casUniq] = readCas(cas)
    const client = this.#over((socket) => {
      if (socket > last) throw readBefore
    })
    return client.cas(key, bytes, { lifetime, casUniq })
  }

  /**
   * The client, telling the number of the socket that it writes to, just before: it may have several, and
   * connects by itself. One that was there when a read began has the same server still, or none.
   */
  #over(tell: (socket: number) => void): SingleMemcacheClient {
    const client = this.#client
    const xsend: SingleMemcacheClient['xsend'] = (data, options) =>
      client.xsend((socket) => {
        if (socket !== undefined) tell(this.#sockets.numberOf(socket))
        this.#sockets.writeTogether(socket)
        if (typeof data === 'function') data(socket)
        else socket?.write(data)
      }, options)
    return Object.create(client, { xsend: { value: xsend } })
  }
}

/** The item was read before the client connected anew. */
const readBefore = new Error('The item was read over a connection that is gone.')

/** The answers of a server that the item is not as it was. */
const changed: ReadonlySet<string> = new Set(['NOT_STORED', 'EXISTS', 'NOT_FOUND'])

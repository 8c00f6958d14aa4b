import { Buffer } from 'node:buffer'
import type { HeldItem, ItemChange, MemcachedConnection } from './memcached-connection.ts'

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
}

/** Compare-and-set through `memcache-client`, which knows one server, and has all of it. */
export class MemcacheClientConnection implements MemcachedConnection {
  readonly #client: SingleMemcacheClient

  constructor(client: SingleMemcacheClient) {
    this.#client = client
  }

  async gets(key: string): Promise<HeldItem | undefined> {
    // It looks the key up in an object: what that inherits is no item.
    const item = ((await this.#client.gets(key)) ?? {}) as { value?: unknown; casUniq?: unknown }
    const { value, casUniq } = item
    const isValue = typeof value === 'string' || value instanceof Uint8Array
    return isValue && typeof casUniq === 'string' ? { value, cas: casUniq } : undefined
  }

  async store({ key, value, ttlSeconds: lifetime, cas }: ItemChange): Promise<boolean> {
    const bytes = typeof value === 'string' ? value : Buffer.from(value)
    try {
      if (cas === undefined) await this.#client.add(key, bytes, { lifetime })
      else await this.#client.cas(key, bytes, { lifetime, casUniq: cas })
      return true
    } catch (error) {
      if (changed.has((error as Error).message)) return false
      throw error
    }
  }

  ping(): Promise<unknown> {
    return this.#client.version()
  }
}

/** The answers of a server that the item is not as it was. */
const changed: ReadonlySet<string> = new Set(['NOT_STORED', 'EXISTS', 'NOT_FOUND'])

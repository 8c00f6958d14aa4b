import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { RedisClient } from '../../src/index.ts'

/** Where a client connects to, and as whom. */
export interface Connect {
  readonly host: string
  readonly port: number
  readonly username?: string
  readonly password?: string
  /** PEM; the last two for a client that shows a certificate of its own. */
  readonly tls?: { readonly ca: string; readonly cert?: string; readonly key?: string }
}

/** The two packages that people have. */
export const packages = ['redis', 'ioredis'] as const

const open = new Set<() => void>()

/** A client of the package that connects again by itself, soon. */
export function connect(name: (typeof packages)[number], to: Connect): RedisClient {
  return name === 'redis' ? nodeRedis(to) : ioRedis(to)
}

export function nodeRedis({ host, port, username, password, tls }: Connect) {
  const user = { ...(username && { username }), ...(password && { password }) }
  const plain = { host, port, reconnectStrategy: () => 50 }
  const socket = tls === undefined ? plain : { ...plain, tls: true as const, ...tls }
  const client = createClient({ socket, ...user })
  client.on('error', () => {}) // the target tells the same
  void client.connect().catch(() => {})
  open.add(() => client.destroy())
  return client
}

export function ioRedis({ host, port, username, password, tls }: Connect): Redis {
  const user = { ...(username && { username }), ...(password && { password }) }
  const client = new Redis({ host, port, ...user, ...(tls && { tls }), retryStrategy: () => 50 })
  client.on('error', () => {})
  open.add(() => client.disconnect())
  return client
}

/** Ends all that were made. */
export function disconnectAll(): void {
  for (const end of open) end()
  open.clear()
}

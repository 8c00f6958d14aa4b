import { Memcache } from 'memcache'
import { MemcacheClient } from 'memcache-client'
import type { MemcachedTargetOptions } from '../../src/index.ts'

/** Where a server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** A client, and what ends it. */
export interface Connected {
  readonly client: MemcachedTargetOptions['client']
  get(key: string): Promise<string | undefined>
}

/** The two packages that are supported. */
export const packages = ['memcache', 'memcache-client'] as const

const open = new Set<() => unknown>()

export function connect(name: (typeof packages)[number], ...servers: Address[]): Connected {
  return name === 'memcache' ? viaMemcache(...servers) : viaMemcacheClient(servers[0] as Address)
}

export function viaMemcache(...servers: Address[]): Connected & { readonly client: Memcache } {
  const client = new Memcache({ nodes: servers.map(({ host, port }) => `${host}:${port}`) })
  open.add(() => client.disconnect())
  return { client, get: (key) => client.get(key) }
}

export function viaMemcacheClient({ host, port }: Address): Connected {
  const client = new MemcacheClient({ server: `${host}:${port}` })
  open.add(() => client.shutdown())
  return { client, get: async (key) => (await client.get<string>(key))?.value }
}

/** What a client knows and shows; without the last two it shows nothing. */
export interface Certificate {
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

/** As the README has it. */
export function connectByTls(
  name: (typeof packages)[number],
  { host, port }: Address,
  tls: Certificate,
): Connected {
  if (name === 'memcache') {
    const client = new Memcache({ nodes: [`memcaches://${host}:${port}`], tls: { ...tls } })
    client.on('error', () => {})
    open.add(() => client.disconnect())
    return { client, get: (key) => client.get(key) }
  }
  const client = new MemcacheClient({ server: `${host}:${port}`, tls: { ...tls } })
  open.add(() => client.shutdown())
  return { client, get: async (key) => (await client.get<string>(key))?.value }
}

/** Ends all that were made. */
export async function disconnectAll(): Promise<void> {
  for (const end of open) await end()
  open.clear()
}

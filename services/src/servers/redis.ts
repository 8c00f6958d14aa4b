import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { demand } from '../needs/need.ts'
import { program } from '../needs/program.ts'
import { host, type Server } from '../server.ts'
import { askLine, command } from './ask-line.ts'

const redisProgram = program('redis-server', 'redis-server')

/** Redis that syncs its log before it answers a write, as one must that is a queue's store. */
export const redis: Server = {
  name: 'redis',
  about: 'Redis (7.0 of Debian 12 is tried)',
  ports: { client: 26379, tls: 26380 },
  needs: [redisProgram],
  startLimitMs: 30_000,
  stopLimitMs: 10_000,

  prepare: async ({ directory, options }) => {
    mkdirSync(join(directory, 'data'), { recursive: true })
    if (options.secure !== true) return
    const { ensureCertificates } = await import('../certificates.ts')
    await ensureCertificates(join(directory, 'certificates'))
  },

  command({ directory, ports, options }) {
    const own = { port: `${ports.client}`, bind: host, dir: 'data' }
    const settings = {
      ...own,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
      ...(options.secure === true && tlsSettings(join(directory, 'certificates'), ports['tls'])),
      ...options.settings,
    }
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    return { program: demand(redisProgram), args }
  },

  /** While it loads its data it answers with an error. */
  answers: async ({ ports }) => (await askLine(ports.client, 'PING')) === '+PONG',

  async empty({ ports }) {
    await command(ports.client, 'FLUSHALL', '+OK')
    await command(ports.client, 'FUNCTION FLUSH', '+OK')
    await command(ports.client, 'SCRIPT FLUSH', '+OK')
  },
}

/** A second listener, which asks its clients for a certificate, as Redis does by default. */
function tlsSettings(directory: string, port = 0): Readonly<Record<string, string>> {
  const file = (name: string): string => join(directory, name)
  return {
    'tls-port': `${port}`,
    'tls-cert-file': file('server.pem'),
    'tls-key-file': file('server.pem'),
    'tls-ca-cert-file': file('ca.crt'),
  }
}

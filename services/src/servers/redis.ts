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
  ports: { client: 26379 },
  needs: [redisProgram],
  startLimitMs: 30_000,
  stopLimitMs: 10_000,

  prepare: async ({ directory }) => {
    mkdirSync(join(directory, 'data'), { recursive: true })
  },

  command({ ports, options }) {
    const own = { port: `${ports.client}`, bind: host, dir: 'data' }
    const settings = {
      ...own,
      appendonly: 'yes',
      appendfsync: 'always',
      save: '',
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

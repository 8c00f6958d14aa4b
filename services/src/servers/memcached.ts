import { demand } from '../needs/need.ts'
import { program } from '../needs/program.ts'
import { host, type Server } from '../server.ts'
import { askLine, command } from './ask-line.ts'

const memcachedProgram = program('memcached', 'memcached')

/** A cache: it is empty after every start, and no fault of anybody. Settings are options: `-m`. */
export const memcached: Server = {
  name: 'memcached',
  about: 'memcached (1.6 of Debian 12 is tried)',
  ports: { client: 21211 },
  needs: [memcachedProgram],
  startLimitMs: 30_000,
  stopLimitMs: 5_000,
  prepare: async () => {},

  command({ ports, options }) {
    const settings = { '-l': host, '-p': `${ports.client}`, '-m': '64', ...options.settings }
    // Root has to name whom it wants to run as instead.
    const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
    return {
      program: demand(memcachedProgram),
      args: [...user, ...Object.entries(settings).flat()],
    }
  },

  answers: async ({ ports }) => (await askLine(ports.client, 'version')).startsWith('VERSION '),
  empty: ({ ports }) => command(ports.client, 'flush_all', 'OK'),
}

import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Client } from 'pg'
import { debianRemedy } from '../needs/debian.ts'
import { demand, type Need } from '../needs/need.ts'
import { findNewest, findProgram } from '../needs/program.ts'
import type { Command } from '../process.ts'
import { host, type Place, type Server } from '../server.ts'

const postgres: Need = {
  what: 'postgres',
  find: () => findNewest('/usr/lib/postgresql/*/bin/postgres') ?? findProgram('postgres'),
  remedy: debianRemedy(['postgresql']),
  packages: ['postgresql'],
}

/**
 * PostgreSQL with a superuser `postgres` and no password, for benchmarks. `pause` stops the process
 * that takes connections; those that are open are other processes', and go on.
 */
export const postgresql: Server = {
  name: 'postgresql',
  about: 'PostgreSQL (15 of Debian 12 is tried)',
  ports: { client: 25432 },
  needs: [postgres],
  startLimitMs: 60_000,
  stopLimitMs: 15_000,

  async prepare(place) {
    const data = dataDirectory(place)
    if (existsSync(join(data, 'PG_VERSION'))) return
    rmSync(data, { recursive: true, force: true })
    mkdirSync(data, { recursive: true })
    if (isRoot) run(place, 'chown', ['postgres:', data])
    chmodSync(data, 0o700)
    const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C', '-D', data]
    const { program, args } = asUser(join(dirname(demand(postgres)), 'initdb'), options)
    run(place, program, args)
  },

  command(place) {
    const settings = {
      listen_addresses: host,
      port: `${place.ports.client}`,
      unix_socket_directories: '',
      ...place.options.settings,
    }
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    return asUser(demand(postgres), ['-D', dataDirectory(place), ...options])
  },

  answers: (place) =>
    withClient(place, async (client) => (await client.query('SELECT 1')).rowCount === 1),

  empty: (place) =>
    withClient(place, async (client) => {
      const databases = 'SELECT datname FROM pg_database WHERE NOT datistemplate'
      const names = (await client.query(databases)).rows.map(({ datname }) => datname)
      for (const name of names.filter((name) => name !== 'postgres')) {
        await client.query(`DROP DATABASE "${name}" WITH (FORCE)`)
      }
      await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    }),

  forget: (place) => rmSync(dataDirectory(place), { recursive: true, force: true }),
}

// PostgreSQL refuses to run as root. The user that its package brings runs it instead, with data in a
// place which that user is sure to reach.
const isRoot = process.getuid?.() === 0

function dataDirectory({ directory, id }: Place): string {
  return isRoot ? `/var/tmp/daybook-postgresql-${id}` : join(directory, 'data')
}

function asUser(program: string, args: readonly string[]): Command {
  if (!isRoot) return { program, args }
  const user = ['--reuid', 'postgres', '--regid', 'postgres', '--init-groups']
  return { program: 'setpriv', args: [...user, program, ...args] }
}

async function withClient<T>({ ports }: Place, work: (client: Client) => Promise<T>): Promise<T> {
  const { default: pg } = await import('pg') // loaded where PostgreSQL is used
  const at = { host, port: ports.client, user: 'postgres', database: 'postgres' }
  const client = new pg.Client({ ...at, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {}) // the query under way says the same
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

function run({ directory }: Place, program: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd: directory,
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (status !== 0) throw error ?? new Error(`${program} failed:\n${stdout}${stderr}`)
}

import { service } from '@daybook/services'
import pg from 'pg'

/** Connections to the server that the tests run against. Each test has tables of its own. */
export async function connect(): Promise<pg.Pool> {
  const { host, port } = await service('postgresql')
  const pool = new pg.Pool({ host, port, user: 'postgres', database: 'postgres', max: 10 })
  pool.on('error', () => {}) // an idle connection of a server that is killed
  return pool
}

let tables = 0

/** A name that no other test has. */
export function newTable(): string {
  tables++
  return `t_${process.pid}_${tables}`
}

import type { Service } from '@daybook/services'
import driver, { type ClientOptions } from 'cassandra-driver'

/** A client of the server, or of what stands before it, such as a proxy. Whoever makes it shuts it down. */
export function connect(
  { host, port }: Pick<Service, 'host' | 'port'>,
  options: Partial<ClientOptions> = {},
): driver.Client {
  return new driver.Client({
    contactPoints: [host],
    localDataCenter: 'datacenter1',
    protocolOptions: { port },
    // The usual one waits for up to ten minutes.
    policies: { reconnection: new driver.policies.reconnection.ConstantReconnectionPolicy(100) },
    ...options,
  })
}

/** Makes a keyspace with these tables, `CREATE TABLE` and the name left out. */
export async function createTables(
  client: driver.Client,
  keyspace: string,
  tables: Readonly<Record<string, string>>,
): Promise<void> {
  const replication = "{ 'class': 'SimpleStrategy', 'replication_factor': 1 }"
  await client.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
  await client.execute(`CREATE KEYSPACE ${keyspace} WITH replication = ${replication}`)
  for (const [name, columns] of Object.entries(tables)) {
    await client.execute(`CREATE TABLE ${keyspace}.${name} ${columns}`)
  }
}

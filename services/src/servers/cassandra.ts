import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from 'cassandra-driver'
import { jarsDirectory } from '../maven.ts'
import { java } from '../needs/java.ts'
import { demand } from '../needs/need.ts'
import { packageDirectory } from '../paths.ts'
import { host, type Place, type Server } from '../server.ts'

const jars = { name: 'cassandra', artifacts: ['org.apache.cassandra:cassandra-all:5.0.8'] }

const runtime = java({ from: 17, to: 17 })

/** Who may do everything, where the settings say `authenticator: PasswordAuthenticator`. */
const superuser = { username: 'cassandra', password: 'cassandra' }

/** One node, in the data center `datacenter1`. Settings are keys of cassandra.yaml. */
export const cassandra: Server = {
  name: 'cassandra',
  about: 'Cassandra 5.0.8',
  ports: { client: 19042, storage: 17000, tlsStorage: 17001 },
  needs: [runtime],
  jars,
  startLimitMs: 120_000,
  stopLimitMs: 30_000,

  async prepare(place) {
    mkdirSync(join(place.directory, 'data'), { recursive: true })
    writeFileSync(join(place.directory, 'cassandra.yaml'), configuration(place))
  },

  command: ({ directory, options }) => ({
    program: join(demand(runtime), 'bin', 'java'),
    args: [
      `@${join(packageDirectory, 'conf', 'cassandra-jvm.args')}`,
      `-Dcassandra.config=file://${join(directory, 'cassandra.yaml')}`,
      `-Dcassandra.storagedir=${join(directory, 'data')}`,
      `-Dlogback.configurationFile=file://${join(packageDirectory, 'conf', 'cassandra-logback.xml')}`,
      '-Dcassandra.config.allow_system_properties=true',
      '-Dcassandra.superuser_setup_delay_ms=0', // where settings have it ask for a password
      ...Object.entries(options.settings ?? {}).map(
        (pair) => `-Dcassandra.settings.${pair.join('=')}`,
      ),
      ...['-cp', join(jarsDirectory(jars), '*'), 'org.apache.cassandra.service.CassandraDaemon'],
    ],
  }),

  answers: (place) =>
    withClient(place, async (client) => {
      const { rows } = await client.execute('SELECT cluster_name FROM system.local')
      return rows[0]?.['cluster_name'] === place.id
    }),

  /** Drops the keyspaces, which takes a third of a second each. Truncate what is to stay. */
  empty: (place) =>
    withClient(place, async (client) => {
      const { rows } = await client.execute('SELECT keyspace_name FROM system_schema.keyspaces')
      const names = rows.map((row) => String(row['keyspace_name']))
      for (const name of names.filter((name) => !/^system(_|$)/.test(name))) {
        await client.execute(`DROP KEYSPACE "${name}"`)
      }
    }),
}

async function withClient<T>({ ports }: Place, work: (client: Client) => Promise<T>): Promise<T> {
  const { default: driver } = await import('cassandra-driver') // loaded where Cassandra is used
  const client = new driver.Client({
    contactPoints: [host],
    localDataCenter: 'datacenter1',
    protocolOptions: { port: ports.client },
    credentials: superuser, // given to a node that asks for them
    socketOptions: { connectTimeout: 2_000, readTimeout: 20_000 },
  })
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.shutdown()
  }
}

// Directories are not named: they follow cassandra.storagedir. `batch` syncs a write before it is
// acknowledged; `periodic`, the usual, loses a second of acknowledged writes when the node is killed.
const configuration = ({ id, ports }: Place): string => `cluster_name: "${id}"
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "${host}:${ports['storage']}"
listen_address: ${host}
rpc_address: ${host}
storage_port: ${ports['storage']}
ssl_storage_port: ${ports['tlsStorage']}
start_native_transport: true
native_transport_port: ${ports.client}
native_transport_max_threads: 16
commitlog_sync: batch
commitlog_segment_size: 8MiB
commitlog_total_space: 128MiB
memtable_heap_space: 128MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
key_cache_size: 8MiB
row_cache_size: 0MiB
counter_cache_size: 4MiB
concurrent_reads: 8
concurrent_writes: 8
concurrent_counter_writes: 4
concurrent_materialized_view_writes: 2
concurrent_compactors: 1
auto_snapshot: false
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
`

// needs: cassandra, kafka

import { randomUUID } from 'node:crypto'
import { type Service, service } from '@daybook/services'
import {
  type CassandraClient,
  cassandraTransactionStore,
  cassandraTransactionTables,
} from '@daybook/target-cassandra'
import driver from 'cassandra-driver'
import { afterAll, beforeAll, test } from 'vitest'
import {
  type TransactionSubject,
  transactionScenarios,
} from '../../../../tests/support/transaction-scenarios.ts'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { mortalClient } from '../support/mortal-client.ts'
import { resetPatiently } from '../support/reset.ts'

const keyspace = 'kafka_transactions'
const table = `${keyspace}.sets`

let kafka: Service
let cassandra: driver.Client

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
  const { host, port } = await service('cassandra')
  cassandra = new driver.Client({
    contactPoints: [host],
    localDataCenter: 'datacenter1',
    protocolOptions: { port },
  })
  const once = "{ 'class': 'SimpleStrategy', 'replication_factor': 1 }"
  await cassandra.execute(`DROP KEYSPACE IF EXISTS ${keyspace}`)
  await cassandra.execute(`CREATE KEYSPACE ${keyspace} WITH replication = ${once}`)
  for (const statement of cassandraTransactionTables(table)) await cassandra.execute(statement)
})
afterAll(async () => {
  await cassandra.execute(`DROP KEYSPACE ${keyspace}`)
  await cassandra.shutdown()
  await resetPatiently(kafka)
})

/** The client of one process: nothing that it sends reaches a node once that is dead. */
class OwnClient implements CassandraClient {
  isDead = false

  connect(): Promise<void> {
    return cassandra.connect()
  }

  async execute(query: string, params: unknown[] = [], options = {}) {
    if (this.isDead) throw new Error('Its process is dead.')
    return cassandra.execute(query, params, options as never)
  }

  batch(): Promise<never> {
    return Promise.reject(new Error('not used'))
  }
}

function subjectOn(name: ClientName): TransactionSubject {
  const topic = `transactions-${randomUUID()}`
  // A namespace of each subject, in tables that they share.
  const namespace = `rows-${randomUUID()}`
  let client = mortalClient(clientFor(name, kafka.address), 'refused')
  let own = new OwnClient()
  return {
    ...{ order: 'key', namespace },
    store: () => cassandraTransactionStore({ client: own, table, namespace }),
    queue: () => kafkaQueue({ client, topic, partitions: 2, allowUnderReplicated: true }),
    async crash() {
      const dying = client
      own.isDead = true
      own = new OwnClient()
      client = mortalClient(clientFor(name, kafka.address), 'refused')
      await dying.die()
    },
  }
}

const cases = clientNames.flatMap((client) =>
  transactionScenarios.map(({ name, run }) => ({ client, name, run })),
)

test.concurrent.each(cases)(
  'a transaction through Kafka by $client, with its mutations in Cassandra, $name',
  async ({ client, run }) => run(subjectOn(client)),
)

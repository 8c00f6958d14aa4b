// needs: kafka

import { randomUUID } from 'node:crypto'
import { type Service, service } from '@daybook/services'
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

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

function subjectOn(name: ClientName): TransactionSubject {
  const topic = `transactions-${randomUUID()}`
  let client = mortalClient(clientFor(name, kafka.address), 'refused')
  return {
    order: 'key',
    queue: () => kafkaQueue({ client, topic, partitions: 2, allowUnderReplicated: true }),
    async crash() {
      const dying = client
      client = mortalClient(clientFor(name, kafka.address), 'refused')
      await dying.die()
    },
  }
}

const cases = clientNames.flatMap((client) =>
  transactionScenarios.map(({ name, run }) => ({ client, name, run })),
)

test.concurrent.each(cases)(
  'a transaction through a Kafka topic by $client $name',
  async ({ client, run }) => run(subjectOn(client)),
)

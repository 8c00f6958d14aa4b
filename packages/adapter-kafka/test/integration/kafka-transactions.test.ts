// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, multiPartitionMutation, type TransactionStoreContext } from '@daybook/core'
import { memoryTransactionStore, recordingTarget } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

test.concurrent.each(clientNames)(
  'the status of a transaction is kept for as long as its topic may hand a marker out, by %s',
  async (name) => {
    const topic = `kept-${randomUUID()}`
    const client = clientFor(name, kafka.address)
    const admin = await client.admin()
    const settings = new Map([
      ['retention.ms', '86400000'],
      ['segment.ms', '3600000'],
    ])
    await admin.create([{ topic, partitions: 1, replicas: 1, settings }])
    await admin.close()
    const told: TransactionStoreContext[] = []
    const store = Object.assign(memoryTransactionStore(), {
      open: async (context: TransactionStoreContext) => void told.push(context),
    })
    const wal = await createWal({
      namespaces: {
        rows: multiPartitionMutation({
          queue: kafkaQueue({ client, topic, allowUnderReplicated: true }),
          ...{ targets: { base: recordingTarget() }, transactions: { store } },
          retention: { time: '1d', bytes: 'unlimited' },
        }),
      },
    })
    await wal.close()
    // Its retention, the time for which a segment may grow, and ten minutes in which the broker removes it.
    expect(told).toMatchObject([{ namespace: 'rows', keepMs: 86_400_000 + 3_600_000 + 600_000 }])
  },
)

const cases = clientNames.flatMap((client) =>
  transactionScenarios.map(({ name, run }) => ({ client, name, run })),
)

test.concurrent.each(cases)(
  'a transaction through a Kafka topic by $client $name',
  async ({ client, run }) => run(subjectOn(client)),
)

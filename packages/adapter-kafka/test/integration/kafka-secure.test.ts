// needs: own kafka

import { randomUUID } from 'node:crypto'
import { createWal, fanOut, type } from '@daybook/core'
import { kafkaUser, readCertificates, type Service, service } from '@daybook/services'
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs'
import { beforeAll, expect, test } from 'vitest'
import { type KafkaClient, kafkajs, kafkaQueue } from '../../src/index.ts'
import { type PlatformaticOptions, platformatic } from '../../src/platformatic/index.ts'
import { keyedWriters, WatchfulTarget } from '../support/keyed-writers.ts'

let kafka: Service

// Two suites share it; it goes when the run is over.
beforeAll(async () => {
  kafka = await service('kafka', { instance: 'secure', secure: true })
})

function js(options: Omit<KafkaConfig, 'brokers'>, port: string, retries = 8): KafkaClient {
  const brokers = [`${kafka.host}:${kafka.ports[port]}`]
  return kafkajs(new Kafka({ brokers, logLevel: logLevel.NOTHING, retry: { retries }, ...options }))
}

function plt(options: Partial<PlatformaticOptions>, port: string): KafkaClient {
  const bootstrapBrokers = [`${kafka.host}:${kafka.ports[port]}`]
  return platformatic({ clientId: 'secure', bootstrapBrokers, retries: 1, ...options })
}

async function walOn(client: KafkaClient, target: WatchfulTarget) {
  const queue = kafkaQueue({ client, topic: `secure-${randomUUID()}`, allowUnderReplicated: true })
  return await createWal({
    namespaces: {
      films: fanOut({ payload: type<{ n: number }>(), queue, targets: { store: target } }),
    },
  })
}

async function roundTrip(client: KafkaClient): Promise<void> {
  const target = new WatchfulTarget()
  const wal = await walOn(client, target)
  await wal.start()
  const { written } = await keyedWriters(wal.namespace('films'), { keys: 5, perKey: 4 })
  await wal.drain({ timeout: '30s' })
  expect(new Set(target.applied.map(({ id }) => id))).toEqual(new Set(written.map(({ id }) => id)))
  await wal.close()
}

test.concurrent('a queue works where brokers ask for the certificate of a client', async () => {
  const { ca, cert, key } = readCertificates(`${kafka.directory}/certificates`)
  await roundTrip(js({ ssl: { ca, cert, key } }, 'mutualTls'))
  await roundTrip(plt({ tls: { ca, cert, key } }, 'mutualTls'))
})

test.concurrent('a queue works where brokers ask for a password', async () => {
  const { ca } = readCertificates(`${kafka.directory}/certificates`)
  await roundTrip(js({ ssl: { ca }, sasl: { mechanism: 'plain', ...kafkaUser } }, 'password'))
  await roundTrip(plt({ tls: { ca }, sasl: { mechanism: 'PLAIN', ...kafkaUser } }, 'password'))
})

test.concurrent('a wrong password, and a missing certificate, are refused at the start', async () => {
  const { ca } = readCertificates(`${kafka.directory}/certificates`)
  const target = new WatchfulTarget()
  const wrong = { ...kafkaUser, password: 'wrong' }
  const start = (client: KafkaClient) => walOn(client, target)
  await expect(
    start(js({ ssl: { ca }, sasl: { mechanism: 'plain', ...wrong } }, 'password', 0)),
  ).rejects.toThrow(/Check the user name, the password/)
  await expect(
    start(plt({ tls: { ca }, sasl: { mechanism: 'PLAIN', ...wrong } }, 'password')),
  ).rejects.toThrow(/Kafka cannot be reached .* Check the user name, the password/)
  await expect(start(js({ ssl: { ca } }, 'mutualTls', 0))).rejects.toThrow(/cannot be reached/)
})

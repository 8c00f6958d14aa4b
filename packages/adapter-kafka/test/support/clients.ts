import { Kafka, logLevel } from 'kafkajs'
import { type KafkaClient, kafkajs } from '../../src/index.ts'
import { platformatic } from '../../src/platformatic/index.ts'

/** Both clients, against one broker: every suite runs on each. */
export const clientNames = ['kafkajs', '@platformatic/kafka'] as const

export type ClientName = (typeof clientNames)[number]

export function clientFor(name: ClientName, broker: string): KafkaClient {
  if (name === '@platformatic/kafka') {
    return platformatic({ clientId: 'daybook-test', bootstrapBrokers: [broker] })
  }
  // A broker that has just started loads its groups' coordinator for a while.
  const retry = { initialRetryTime: 50, retries: 12 }
  return kafkajs(new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry }))
}

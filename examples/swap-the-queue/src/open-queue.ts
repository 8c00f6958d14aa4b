import { fileQueue, type Queue } from '@daybook/core'
import type { QueueConfiguration } from './configuration.ts'

/**
 * Turns a configuration into a queue. Nothing else in the application knows one queue from another,
 * and only the packages of the one that is used are loaded.
 */
export async function openQueue(configuration: QueueConfiguration): Promise<Queue> {
  switch (configuration.kind) {
    case 'file': {
      return fileQueue({ directory: configuration.directory })
    }
    case 'kafka': {
      const { kafkaQueue } = await import('@daybook/adapter-kafka')
      const { kind: _, client, brokers, ...options } = configuration
      return kafkaQueue({ ...options, client: await kafkaClient(client, brokers) })
    }
    case 'sqs': {
      const { SQS } = await import('@aws-sdk/client-sqs')
      const { directoryStore, sqsQueue } = await import('@daybook/adapter-sqs')
      const { kind: _, region, endpoint, deadLetters, ...options } = configuration
      const client = new SQS({ region, ...(endpoint === undefined ? {} : { endpoint }) })
      return sqsQueue({ ...options, client, deadLetterStore: directoryStore(deadLetters) })
    }
  }
}

async function kafkaClient(name: 'kafkajs' | '@platformatic/kafka', brokers: readonly string[]) {
  const clientId = 'parcels'
  if (name === 'kafkajs') {
    const { Kafka, logLevel } = await import('kafkajs')
    return new Kafka({ clientId, brokers: [...brokers], logLevel: logLevel.NOTHING })
  }
  const { platformatic } = await import('@daybook/adapter-kafka/platformatic')
  return platformatic({ clientId, bootstrapBrokers: [...brokers] })
}

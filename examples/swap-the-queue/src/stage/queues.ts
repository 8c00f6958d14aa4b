import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { ServerName } from '@daybook/services'
import type { QueueConfiguration } from '../configuration.ts'

/** A queue that the application can be run on here. */
export interface QueueOnStage {
  readonly title: string
  /** What has to run for it. */
  readonly server: ServerName | undefined
  /** False: a directory has one owner, so each process has its own, and writes and delivers. */
  readonly shared: boolean
  /** Whether it promises each parcel's scans in order. */
  readonly ordered: boolean
  /**
   * Makes what has to be there before, and answers what the process of that name is to be told.
   * `address` is that of the server.
   */
  prepare(address: string, directory: string): Promise<(name: string) => QueueConfiguration>
}

/** By the names that they have on the command line. */
export const queues: Readonly<Record<string, QueueOnStage>> = {
  file: {
    title: 'file log',
    server: undefined,
    shared: false,
    ordered: true,
    prepare: async (_, directory) => (name) => ({ kind: 'file', directory: join(directory, name) }),
  },
  kafkajs: kafka('kafkajs'),
  platformatic: kafka('@platformatic/kafka'),
  sqs: sqs('SQS standard', ''),
  'sqs-fifo': sqs('SQS FIFO', '.fifo'),
}

function kafka(client: 'kafkajs' | '@platformatic/kafka'): QueueOnStage {
  return {
    title: `Kafka, ${client}`,
    server: 'kafka',
    shared: true,
    ordered: true,
    prepare: async (address) => {
      // The queue creates the topic itself.
      const topic = `parcels-${randomUUID()}`
      const local = { allowUnderReplicated: true, sessionTimeoutMs: 6_000 }
      return () => ({ kind: 'kafka', client, brokers: [address], topic, ...local })
    },
  }
}

function sqs(title: string, suffix: '' | '.fifo'): QueueOnStage {
  return {
    title,
    server: 'sqs',
    shared: true,
    ordered: suffix === '.fifo',
    prepare: async (address, directory) => {
      const place = { endpoint: `http://${address}`, region: 'us-east-1' }
      const queueUrl = await createQueue(place, `parcels-${randomUUID()}${suffix}`)
      const deadLetters = join(directory, 'dead-letters')
      const local = { waitMs: 1_000, visibilityMs: 4_000 }
      return () => ({ kind: 'sqs', ...place, queueUrl, deadLetters, ...local })
    },
  }
}

/** What is done once, where infrastructure is set up: no business of the application's. */
async function createQueue(
  place: { readonly endpoint: string; readonly region: string },
  QueueName: string,
): Promise<string> {
  const { SQS } = await import('@aws-sdk/client-sqs') // slow to load, and needed for this alone
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new SQS({ ...place, credentials })
  try {
    const Attributes = QueueName.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
    const { QueueUrl = '' } = await client.createQueue({ QueueName, Attributes })
    return QueueUrl
  } finally {
    client.destroy()
  }
}

import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { ServerName, ServiceRequest } from '@daybook/services'
import type { QueueConfiguration } from '../queue.ts'

/** A queue that the demo can be played on. */
export interface QueueOnStage {
  /** What it is to the audience: “writes each change once, to …, and calls it saved”. */
  readonly called: string
  /** What has to run for it. */
  readonly server?: ServerName
  /** Which of that server's instances. Default the one that all share. */
  readonly request?: ServiceRequest
  /** Makes what has to be there before, on the server at `address`; undefined for the log on disk. */
  prepare(address: string, directory: string): Promise<QueueConfiguration | undefined>
}

/** By their names on the command line. */
export const queues: Readonly<Record<string, QueueOnStage>> = {
  file: { called: 'a log on disk', prepare: async () => undefined },
  kafka: {
    called: 'a topic on Kafka',
    server: 'kafka',
    // The queue creates its topics itself. A consumer that was killed is missed after six seconds.
    prepare: async (address) => ({
      kind: 'kafka',
      brokers: [address],
      topic: `films-${randomUUID()}`,
      allowUnderReplicated: true,
      sessionTimeoutMs: 6_000,
    }),
  },
  sqs: {
    called: 'an SQS queue',
    server: 'sqs',
    // It stands through it all. A change is in three queues: on the disk that costs the server 9 to 18 ms of processor time,
    // in memory half of it, and all films some 20 s.
    request: {
      instance: 'memory',
      settings: { 'messages-storage.enabled': 'false', 'queues-storage.enabled': 'false' },
    },
    prepare: async (address, directory) => {
      const place = { endpoint: `http://${address}`, region: 'us-east-1' }
      const [queueUrl, database, search] = await createQueues(place, 'all', 'database', 'search')
      return {
        kind: 'sqs',
        ...place,
        queueUrl: queueUrl ?? '',
        targetQueueUrls: { database: database ?? '', search: search ?? '' },
        deadLetters: join(directory, 'dead-letters'),
        waitMs: 1_000,
        visibilityMs: 8_000,
      }
    },
  },
}

/** FIFO, since the films' changes have an order. */
async function createQueues(
  place: { readonly endpoint: string; readonly region: string },
  ...names: readonly string[]
): Promise<readonly string[]> {
  const { SQS } = await import('@aws-sdk/client-sqs') // slow to load, and needed for this alone
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new SQS({ ...place, credentials })
  const run = randomUUID()
  try {
    const made = names.map((name) =>
      client.createQueue({
        QueueName: `films-${name}-${run}.fifo`,
        Attributes: { FifoQueue: 'true' },
      }),
    )
    return (await Promise.all(made)).map(({ QueueUrl = '' }) => QueueUrl)
  } finally {
    client.destroy()
  }
}

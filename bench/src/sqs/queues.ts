import { randomUUID } from 'node:crypto'
import { SQS } from '@aws-sdk/client-sqs'

export type QueueKind = 'standard' | 'FIFO'

/** Makes queues, looks into them, and removes them. */
export class Queues {
  readonly client: SQS
  readonly #made = new Set<string>()

  constructor(address: string) {
    this.client = new SQS({
      endpoint: `http://${address}`,
      region: 'us-east-1',
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    })
  }

  /** Works with a queue of its own. */
  async use<T>(kind: QueueKind, work: (url: string) => Promise<T>): Promise<T> {
    const isFifo = kind === 'FIFO'
    const { QueueUrl = '' } = await this.client.createQueue({
      QueueName: `bench-${randomUUID()}${isFifo ? '.fifo' : ''}`,
      Attributes: isFifo ? { FifoQueue: 'true' } : {},
    })
    this.#made.add(QueueUrl)
    try {
      return await work(QueueUrl)
    } finally {
      await this.client.deleteQueue({ QueueUrl })
      this.#made.delete(QueueUrl)
    }
  }

  /** How many messages a queue holds. The local server counts them; on Amazon's it would be a guess. */
  async size(QueueUrl: string): Promise<number> {
    const AttributeNames = ['ApproximateNumberOfMessages' as const]
    const { Attributes = {} } = await this.client.getQueueAttributes({ QueueUrl, AttributeNames })
    return Number(Attributes['ApproximateNumberOfMessages'])
  }

  async close(): Promise<void> {
    for (const QueueUrl of this.#made) await this.client.deleteQueue({ QueueUrl })
    this.client.destroy()
  }
}

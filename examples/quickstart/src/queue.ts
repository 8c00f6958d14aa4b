import type { Queue } from '@daybook/core'

/** Where changes lie until both stores have them. Without one it is the log on disk. */
export type QueueConfiguration =
  | {
      readonly kind: 'kafka'
      readonly brokers: readonly string[]
      readonly topic: string
      readonly allowUnderReplicated?: boolean
      readonly sessionTimeoutMs?: number
    }
  | {
      readonly kind: 'sqs'
      readonly region: string
      readonly endpoint?: string
      readonly queueUrl: string
      /** SQS has no independent readers: each store has a queue of its own. */
      readonly targetQueueUrls: Readonly<Record<string, string>>
      /** A directory: SQS cannot list what lies in a queue. */
      readonly deadLetters: string
      readonly waitMs?: number
      readonly visibilityMs?: number
    }

/** The queue that a text of JSON describes; undefined without one: the log on disk. */
export async function configuredQueue(text: string | undefined): Promise<Queue | undefined> {
  if (text === undefined) return undefined
  const configuration: QueueConfiguration = JSON.parse(text)
  if (configuration.kind === 'kafka') {
    const { kafkaQueue } = await import('@daybook/adapter-kafka')
    const { platformatic } = await import('@daybook/adapter-kafka/platformatic')
    const { kind: _, brokers, ...options } = configuration
    const client = platformatic({ clientId: 'films', bootstrapBrokers: [...brokers] })
    return kafkaQueue({ ...options, client })
  }
  const { SQS } = await import('@aws-sdk/client-sqs')
  const { directoryStore, sqsQueue } = await import('@daybook/adapter-sqs')
  const { kind: _, region, endpoint, deadLetters, ...options } = configuration
  const client = new SQS({ region, ...(endpoint === undefined ? {} : { endpoint }) })
  return sqsQueue({ ...options, client, deadLetterStore: directoryStore(deadLetters) })
}

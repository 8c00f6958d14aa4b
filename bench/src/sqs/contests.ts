import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SqsClient, sqsQueue } from '@daybook/adapter-sqs'
import { Arrivals, consumeThroughWal } from '../brokers/consuming.ts'
import { Stopwatch } from '../brokers/stopwatch.ts'
import type { BrokerContest, BrokerContestant, BrokerRound } from '../brokers/turns.ts'
import { type WritingTask, writeBare, writeThroughWal } from '../brokers/writing.ts'
import type { QueueKind, Queues } from './queues.ts'

/** Calls at once, for sending as for receiving: the default of `sqsQueue`, but for receiving on FIFO. */
const atOnce = 8
/** Receives and deletions at once on a FIFO queue: the default of `sqsQueue`. */
const atOnceOnFifo = 4

/** Most messages of a call. Source: the service's own limit. */
const largestBatch = 10

const waitMs = 1_000

/** Writing: each round into a queue of its own, which has to hold everything at the end. */
export function writingContest(kind: QueueKind, queues: Queues, task: WritingTask): BrokerContest {
  const intoQueue = (work: (url: string) => Promise<BrokerRound>): Promise<BrokerRound> =>
    queues.use(kind, async (url) => {
      const round = await work(url)
      // What has just come is counted a moment later.
      let stored = await queues.size(url)
      for (let looks = 0; stored !== task.records && looks < 50; looks++) {
        await sleep(100)
        stored = await queues.size(url)
      }
      if (stored === task.records) return round
      throw new Error(`${task.records} records were written, and the queue holds ${stored}`)
    })
  const payload = Buffer.alloc(task.payloadBytes, 7)
  const bare = (name: string, bodyOf: (key: string) => string): BrokerContestant => ({
    name,
    run: (batchRecords) =>
      intoQueue((QueueUrl) =>
        writeBare(
          task,
          { loops: atOnce, batchRecords },
          (key) => ({
            ...{ Id: randomUUID(), MessageBody: bodyOf(key) },
            ...(kind === 'FIFO'
              ? { MessageGroupId: key, MessageDeduplicationId: randomUUID() }
              : {}),
          }),
          async (Entries) => {
            const { Failed = [] } = await queues.client.sendMessageBatch({ QueueUrl, Entries })
            if (Failed.length > 0) throw new Error(`${Failed.length} messages were refused`)
          },
        ),
      ),
  })
  return {
    about: `writing, ${kind}`,
    ours: {
      name: 'through the wal',
      run: () =>
        intoQueue((queueUrl) => {
          let calls = 0
          const client = watched(queues.client, { sent: () => void calls++ })
          const queue = sqsQueue({ client, queueUrl, waitMs })
          return writeThroughWal(queue, task, () => calls)
        }),
    },
    bare: [
      bare('bare, our fields', (key) => ourFields(key, payload)),
      bare('bare, payload only', () => payload.toString('base64')),
    ],
    goal: 0.9,
  }
}

/** What a record says of itself beside its payload, in as many bytes as ours. */
function ourFields(key: string, payload: Buffer): string {
  const writtenAt = Date.now()
  return JSON.stringify({
    ...{ v: 1, sent: ['producer-one', writtenAt], id: randomUUID(), namespace: 'bench', key },
    ...{ op: 'put', writtenAt, version: `${writtenAt}000`, origin: 'local' },
    payload: payload.toString('base64'),
  })
}

/** Consuming: each round a queue that was filled before, until all of it is deleted. */
export function consumingContest(
  kind: QueueKind,
  queues: Queues,
  filling: WritingTask,
): BrokerContest {
  const { records } = filling
  const filled = (
    work: (url: string, arrivals: Arrivals) => Promise<BrokerRound>,
  ): Promise<BrokerRound> =>
    queues.use(kind, async (queueUrl) => {
      const queue = sqsQueue({ client: queues.client, queueUrl, waitMs })
      await writeThroughWal(queue, filling, () => 0)
      return work(queueUrl, new Arrivals(records))
    })
  const bare = (name: string, loops: number): BrokerContestant => ({
    name,
    run: () =>
      filled(async (QueueUrl, arrivals) => {
        const watch = new Stopwatch()
        const closing = new AbortController()
        watch.start()
        const consuming = Array.from({ length: loops }, () =>
          consumeBare(queues.client, QueueUrl, arrivals, closing.signal),
        )
        await Promise.race([arrivals.whole(), Promise.all(consuming)])
        const round = watch.stop(records)
        closing.abort()
        await Promise.all(consuming)
        return round
      }),
  })
  return {
    about: `consuming, ${kind}`,
    ours: {
      name: 'through the wal',
      run: () =>
        filled((queueUrl, arrivals) => {
          const watch = new Stopwatch()
          const deleted = (messages: number): void => arrivals.add(messages)
          const queue = sqsQueue({ client: watched(queues.client, { deleted }), queueUrl, waitMs })
          watch.start()
          const stop = (): BrokerRound => watch.stop(records)
          return consumeThroughWal(queue, arrivals, stop, () => {})
        }),
    },
    bare:
      kind === 'FIFO'
        ? [bare('bare', atOnce), bare(`bare, ${atOnceOnFifo} loops`, atOnceOnFifo)]
        : [bare('bare', atOnce)],
    goal: 0.8,
  }
}

/** Receives and deletes, one call after the other. */
async function consumeBare(
  client: Queues['client'],
  QueueUrl: string,
  arrivals: Arrivals,
  signal: AbortSignal,
): Promise<void> {
  const receive = {
    QueueUrl,
    MaxNumberOfMessages: largestBatch,
    WaitTimeSeconds: waitMs / 1_000,
    VisibilityTimeout: 30,
  }
  while (!signal.aborted) {
    const { Messages = [] } = await client.receiveMessage(receive)
    if (Messages.length === 0) continue
    const Entries = Messages.map(({ ReceiptHandle }, at) => ({ Id: String(at), ReceiptHandle }))
    const { Successful = [] } = await client.deleteMessageBatch({ QueueUrl, Entries })
    arrivals.add(Successful.length)
  }
}

/** The SDK's client, watched: calls that send, and messages that were deleted. */
function watched(
  client: Queues['client'],
  { sent = () => {}, deleted = () => {} }: { sent?(): void; deleted?(messages: number): void },
): SqsClient {
  return {
    config: client.config,
    sendMessageBatch: (input, options) => {
      sent()
      return client.sendMessageBatch(input, options)
    },
    receiveMessage: (input, options) => client.receiveMessage(input, options),
    deleteMessageBatch: async (input, options) => {
      const output = await client.deleteMessageBatch(input, options)
      deleted(output.Successful?.length ?? 0)
      return output
    },
    changeMessageVisibilityBatch: (input, options) =>
      client.changeMessageVisibilityBatch(input, options),
    getQueueAttributes: (input, options) => client.getQueueAttributes(input, options),
  }
}

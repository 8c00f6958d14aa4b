// needs: sqs

import {
  CreateQueueCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Service, service } from '../../src/index.ts'

let sqs: Service
let client: SQSClient

beforeEach(async () => {
  sqs = await service('sqs')
  await sqs.reset()
  client = new SQSClient({
    endpoint: `http://${sqs.address}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    maxAttempts: 1,
  })
})
afterEach(() => client.destroy())

async function createQueue(QueueName: string, fifo = false): Promise<string> {
  const Attributes = fifo ? { FifoQueue: 'true' } : {}
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName, Attributes }))
  return QueueUrl
}

/** Takes messages until as many have come as were asked for. */
async function receive(QueueUrl: string, count: number): Promise<readonly string[]> {
  const bodies: string[] = []
  while (bodies.length < count) {
    const options = { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }
    const { Messages = [] } = await client.send(new ReceiveMessageCommand(options))
    bodies.push(...Messages.map(({ Body = '' }) => Body))
  }
  return bodies
}

test('SQS keeps what it acknowledged over a kill -9', async () => {
  const QueueUrl = await createQueue('kept')
  const sent: string[] = []
  for (let batch = 0; batch < 20; batch++) {
    const bodies = Array.from({ length: 10 }, (_, index) => `${batch}/${index}`)
    const Entries = bodies.map((MessageBody, index) => ({ Id: `${index}`, MessageBody }))
    await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }))
    sent.push(...bodies)
  }
  await sqs.kill()
  // A connection that was kept open is cut; a new one is refused.
  await expect(createQueue('none')).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket hang up/)
  await sqs.start()
  expect([...(await receive(QueueUrl, sent.length))].sort()).toEqual(sent.sort())
})

test('SQS keeps the order of a FIFO queue over a kill -9', async () => {
  const QueueUrl = await createQueue('ordered.fifo', true)
  for (const MessageBody of ['1', '2', '3', '4']) {
    const own = { MessageGroupId: 'one', MessageDeduplicationId: MessageBody }
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody, ...own }))
  }
  await sqs.kill()
  await sqs.start()
  expect(await receive(QueueUrl, 4)).toEqual(['1', '2', '3', '4'])
})

test('a reset SQS has no queues', async () => {
  await createQueue('forgotten')
  await sqs.reset()
  expect((await client.send(new ListQueuesCommand({}))).QueueUrls ?? []).toEqual([])
  const lookUp = client.send(new GetQueueUrlCommand({ QueueName: 'forgotten' }))
  await expect(lookUp).rejects.toThrow()
})

test('a paused SQS answers nobody, and goes on where it was', async () => {
  const QueueUrl = await createQueue('paused')
  sqs.pause()
  const abortSignal = AbortSignal.timeout(500)
  await expect(client.send(new ListQueuesCommand({}), { abortSignal })).rejects.toThrow(/abort/i)
  sqs.resume()
  await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'a' }))
  expect(await receive(QueueUrl, 1)).toEqual(['a'])
})

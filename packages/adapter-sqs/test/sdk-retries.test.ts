import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SQS } from '@aws-sdk/client-sqs'
import { type Queue, systemClock, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type SqsClient, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

/** What the service answers to an action, one after the other; the last one from then on. */
type Script = readonly (readonly [status: number, body: object])[]

const busy = [400, { __type: 'com.amazonaws.sqs#RequestThrottled', message: 'Slow down' }] as const
const broken = [500, { __type: 'com.amazonaws.sqs#InternalError', message: 'Oh' }] as const

let server: Server
let scripts: Map<string, Script>
let asked: string[]
beforeEach(async () => {
  scripts = new Map([['GetQueueAttributes', [[200, { Attributes: {} }]]]])
  asked = []
  server = createServer((request, response) => {
    const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '')
    asked.push(action)
    const script = scripts.get(action) ?? []
    const times = asked.filter((one) => one === action).length
    const [status, body] = script[Math.min(times, script.length) - 1] ?? [404, {}]
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => server.close())

async function openQueue(maxAttempts: number): Promise<Queue> {
  const { port } = server.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}`
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new SQS({ endpoint, region: 'us-east-1', credentials, maxAttempts })
  return open(client, `${endpoint}/000000000000/records`)
}

async function open(client: SqsClient, queueUrl: string, clock = systemClock): Promise<Queue> {
  const queue = sqsQueue({ client, queueUrl, requestTimeoutMs: 20_000 })
  await queue.open({
    ...{ namespace: 'retries', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: () => {} },
  })
  return queue
}

async function send(queue: Queue): Promise<string | undefined> {
  const [outcome] = await (await queue.producer()).send([makeStoredRecord()])
  return outcome?.durable
}

const timesAsked = (action: string): number => asked.filter((one) => one === action).length

test.each([
  { what: 'a broken service', answer: broken, maxAttempts: 3, durable: 'unknown' },
  { what: 'a busy service', answer: busy, maxAttempts: 3, durable: 'unknown' },
  { what: 'a busy service that is asked once', answer: busy, maxAttempts: 1, durable: 'no' },
])('a send to $what is tried $maxAttempts times in all, and is $durable', async (given) => {
  scripts.set('SendMessageBatch', [given.answer])
  expect(await send(await openQueue(given.maxAttempts))).toBe(given.durable)
  expect(timesAsked('SendMessageBatch')).toBe(given.maxAttempts)
})

test('an entry that is refused for want of room at a later try is unknown, for the first may be stored', async () => {
  const Failed = [{ Id: '0', Code: 'RequestThrottled', Message: 'Slow down', SenderFault: true }]
  const refused = [200, { Successful: [], Failed }] as const
  scripts.set('SendMessageBatch', [broken, refused])
  expect(await send(await openQueue(3))).toBe('unknown')
  expect(timesAsked('SendMessageBatch')).toBe(2)
  scripts.set('SendMessageBatch', [refused])
  expect(await send(await openQueue(3))).toBe('no')
})

test('a receive that fails is tried as often as the client does, and no more until core pulls again', async () => {
  scripts.set('ReceiveMessage', [broken])
  const consumer = await (await openQueue(2)).consumer('only')
  const { signal } = new AbortController()
  for (const pulls of [1, 2]) {
    await expect(consumer.pull({ maxRecords: 1, maxBytes: 1_000, signal })).rejects.toThrow(
      /SQS did not answer a receive/,
    )
    expect(timesAsked('ReceiveMessage')).toBe(pulls * 2)
  }
  await consumer.close()
  expect(timesAsked('ReceiveMessage')).toBe(4)
})

test('a refusal that does not say at which try it came counts by how often the client tries', async () => {
  for (const [maxAttempts, durable] of [
    [1, 'no'],
    [async () => 3, 'unknown'],
  ] as const) {
    const model = new SqsModel({ clock: systemClock })
    const queueUrl = model.createQueue('records')
    const client = Object.assign(model, { config: { maxAttempts } })
    client.sendMessageBatch = async () => {
      throw Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException' })
    }
    expect(await send(await open(client, queueUrl))).toBe(durable)
  }
})

test('the time-out holds also for a client that does not heed it, and waits between its tries', async () => {
  const clock = new VirtualClock()
  const model = new SqsModel({ clock })
  const queueUrl = model.createQueue('records')
  const queue = await open(model, queueUrl, clock)
  model.sendMessageBatch = () => new Promise(() => {})
  expect(await clock.runUntil(send(queue), { withinMs: 25_000 })).toBe('unknown')
  expect(clock.monotonic()).toBe(20_000)
})

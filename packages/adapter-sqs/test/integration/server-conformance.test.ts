// needs: sqs

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SQS } from '@aws-sdk/client-sqs'
import { type DeadLetterQueue, type Queue, systemClock, systemRandom } from '@daybook/core'
import { deadLetterQueueConformance, queueConformance, runConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directoryStore, sqsQueue } from '../../src/index.ts'
import { mortalClient } from '../mortal-client.ts'

let sqs: Service
let client: SQS
let created = 0

beforeAll(async () => {
  // In memory, for speed: no case restarts the server.
  const settings = { 'messages-storage.enabled': 'false', 'queues-storage.enabled': 'false' }
  sqs = await service('sqs', { instance: 'conformance', settings })
  client = new SQS({
    endpoint: `http://${sqs.address}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  })
})
afterAll(async () => {
  client.destroy()
  await sqs.remove()
})

const common = {
  // SQS counts in seconds.
  shortDelayMs: 1_000,
  quietMs: 150,
  patienceMs: 15_000,
  seed: Number(process.env['DAYBOOK_SEED']),
}

describe.each(['standard', 'fifo'])('sqsQueue on a real %s queue', (kind) => {
  const cases = queueConformance({ ...common, create: () => subject(kind === 'fifo') })
  // All at once: most of them only wait.
  const results = new Map<string, unknown>()
  beforeAll(async () => {
    for (const { name, failure } of await runConformance(cases, { concurrency: 16 })) {
      results.set(name, failure)
    }
  })
  test.each(cases)('$name', ({ name }) => {
    expect(results.has(name)).toBe(true)
    if (results.get(name) !== undefined) throw results.get(name)
  })
})

describe('the dead letters of a real queue', () => {
  const cases = deadLetterQueueConformance({ create: letters })
  test.concurrent.each(cases)('$name', ({ run }) => run(), 60_000)
})

async function letters() {
  const directory = await mkdtemp(join(tmpdir(), 'daybook-letters-'))
  const queueUrl = await createQueue('.fifo')
  const opened: Queue[] = []
  return {
    open: async () => {
      const queue = sqsQueue({ client, queueUrl, deadLetterStore: directoryStore(directory) })
      await queue.open({
        ...{ namespace: 'letters', targets: ['only'], directory: undefined },
        ...{ clock: systemClock, random: systemRandom, reportError: () => {} },
      })
      opened.push(queue)
      return (await queue.deadLetters?.()) as DeadLetterQueue
    },
    dispose: async () => {
      for (const queue of opened) await queue.close()
      await client.deleteQueue({ QueueUrl: queueUrl })
      await rm(directory, { recursive: true })
    },
  }
}

async function subject(isFifo: boolean) {
  const queueUrl = await createQueue(isFifo ? '.fifo' : '')
  const delays = isFifo ? { delayQueueUrl: await createQueue('-delays') } : {}
  let process = mortalClient(client)
  return {
    queue: () =>
      sqsQueue({
        ...{ client: process.client, queueUrl, ...delays },
        ...{ waitMs: 1_000, visibilityMs: 6_000, maxMessageBytes: 1_048_576 },
      }),
    crash: () => {
      process.die()
      process = mortalClient(client)
    },
    dispose: async () => {
      for (const QueueUrl of [queueUrl, ...Object.values(delays)]) {
        await client.deleteQueue({ QueueUrl })
      }
    },
  }
}

async function createQueue(suffix: string): Promise<string> {
  const Attributes = suffix === '.fifo' ? { FifoQueue: 'true' } : {}
  const QueueName = `conformance-${++created}${suffix}`
  const { QueueUrl = '' } = await client.createQueue({ QueueName, Attributes })
  return QueueUrl
}

// needs: sqs

import type { SQS } from '@aws-sdk/client-sqs'
import { deadLetterQueueConformance } from '@daybook/core/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { queueDeadLetters } from '../../src/index.ts'
import { memoryServer } from '../support/memory-server.ts'
import { dyingAtAck, poisoned } from '../support/poisoned.ts'
import { connect, disconnectAll } from '../support/server-queues.ts'

let client: SQS
let created = 0

beforeAll(async () => {
  client = connect((await memoryServer()).address)
})
afterAll(disconnectAll)

async function createQueue(name: string): Promise<string> {
  const Attributes = { MessageRetentionPeriod: '1209600' }
  const QueueName = `${name}-${++created}-${process.pid}`
  const { QueueUrl = '' } = await client.createQueue({ QueueName, Attributes })
  return QueueUrl
}

/** What hangs on the server. Each look waits for two seconds, and all of the suite is run on the model. */
const chosen =
  /every field|payloads to the byte|concurrent puts|in the order in which|summarises|removed by two calls/

describe('queueDeadLetters on a real queue', () => {
  const cases = deadLetterQueueConformance({
    patienceMs: 30_000,
    create: async () => {
      const queueUrl = await createQueue('letters')
      return {
        open: () => queueDeadLetters({ client, queueUrl, requestTimeoutMs: 60_000 }),
        dispose: async () => void (await client.deleteQueue({ QueueUrl: queueUrl })),
      }
    },
  }).filter(({ name }) => chosen.test(name))
  test.concurrent.each(cases)('$name', ({ run }) => run(), 120_000)

  test.concurrent('a poison record of a process that died between put and ack is redriven', async () => {
    const [queueUrl, deadLetterQueueUrl] = [await createQueue('records'), await createQueue('dead')]
    const options = { client, queueUrl, deadLetterQueueUrl }
    const dying = dyingAtAck(client, queueUrl)
    const first = await poisoned({ ...options, client: dying.client, requestTimeoutMs: 600_000 })
    await first.wal.write('poisoned', { key: 'a', payload: 'poison' })
    await first.wal.start()
    await dying.died

    const second = await poisoned(options)
    const parked = new Promise<void>((resolve) => second.wal.on('deadLettered', () => resolve()))
    await second.wal.start()
    await parked
    const { letters } = await second.letters.list()
    expect(letters).toMatchObject([{ code: 'POISON', target: 'target', attemptsSpent: 1 }])
    await second.wal.close()

    const third = await poisoned(options, { mended: true })
    await third.wal.start()
    expect((await third.letters.redrive('all')).redriven).toEqual([letters[0]?.id])
    await third.target.waitFor(1)
    expect(await third.letters.list()).toEqual({ letters: [], next: undefined })
    await third.wal.close()
  }, 120_000)
})

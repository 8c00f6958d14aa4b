// needs: sqs

import { SQS } from '@aws-sdk/client-sqs'
import { queueTarget } from '@daybook/core'
import { makeRecord } from '@daybook/core/testing'
import { type Service, type TlsFront, tlsFront } from '@daybook/services'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { sqsQueue } from '../../src/index.ts'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll } from '../support/server-queues.ts'

// The local server speaks no TLS: it is taken off before it.
let sqs: Service
let front: TlsFront
beforeAll(async () => {
  sqs = await memoryServer()
  await sqs.reset()
  front = await tlsFront(sqs)
})
afterAll(() => front[Symbol.asyncDispose]())
afterEach(disconnectAll)

/** Forwards a record to the queue over TLS, and answers what became of it. */
async function outcomeFor(queueUrl: string, httpsAgent: { ca: string; cert?: string }) {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new SQS({
    ...{ endpoint: `https://${front.address}`, region: 'us-east-1', credentials },
    ...{ maxAttempts: 1, requestHandler: { httpsAgent } },
  })
  const there = queueUrl.replace(`http://${sqs.address}`, `https://${front.address}`)
  const target = queueTarget({ queue: sqsQueue({ client, queueUrl: there }), namespace: 'films' })
  const context = { namespace: 'films', target: 'there', attempts: [1] }
  const { signal } = new AbortController()
  try {
    await target.open?.()
    return await target.apply([makeRecord()], { ...context, signal })
  } finally {
    await target.close?.()
    client.destroy()
  }
}

test('an SQS queue is written to over TLS by who shows a certificate of its authority', async () => {
  const QueueUrl = await createQueue(sqs.address, 'over-tls')
  expect(await outcomeFor(QueueUrl, front.certificates)).toEqual([{ status: 'applied' }])
  const AttributeNames = ['ApproximateNumberOfMessages'] as const
  const asked = { QueueUrl, AttributeNames: [...AttributeNames] }
  const { Attributes } = await connect(sqs.address).getQueueAttributes(asked)
  expect(Attributes).toMatchObject({ ApproximateNumberOfMessages: '1' })
})

test('an SQS queue over TLS cannot be opened by who shows no certificate, or does not know its authority', async () => {
  const queueUrl = await createQueue(sqs.address, 'never-over-tls')
  const { ca, cert, key } = front.certificates
  for (const tls of [{ ca }, { ca: cert, cert, key }]) {
    await expect(outcomeFor(queueUrl, tls)).rejects.toMatchObject({
      code: 'ERR_IO',
      retryable: true,
    })
  }
})

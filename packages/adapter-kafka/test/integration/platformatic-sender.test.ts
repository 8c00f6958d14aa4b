// needs: kafka

import { randomUUID } from 'node:crypto'
import { type Service, service } from '@daybook/services'
import { type Connection, ConnectionPool, Producer } from '@platformatic/kafka'
import { afterAll, beforeAll, type TestContext, test } from 'vitest'
import { brokerErrorOf, isRefusal } from '../../src/kafka-errors.ts'
import { produce, produceFormatOf } from '../../src/platformatic/produce.ts'
import { recordBatchOf, sequenceAfter } from '../../src/platformatic/record-batch.ts'
import { clientFor } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

const messageOf = (text: string) => ({
  ...{ key: Buffer.from('k'), value: Buffer.from(text) },
  headers: new Map([['kind', Buffer.from('letter')]]),
})

/** A topic of one partition, and how to read it. */
async function topicFor(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  settings: ReadonlyMap<string, string> = new Map(),
) {
  const client = clientFor('@platformatic/kafka', kafka.address)
  const topic = `batches-${randomUUID()}`
  const admin = await client.admin()
  onTestFinished(() => admin.close())
  await admin.create([{ topic, partitions: 1, replicas: 1, settings }])
  const isReady = async (): Promise<boolean> => (await admin.topic(topic))?.hasLeaders === true
  while (!(await isReady())) await new Promise((resolve) => setTimeout(resolve, 50))
  return {
    client,
    place: { topic, partition: 0 },
    async stored(): Promise<readonly string[]> {
      const reader = await client.reader(topic)
      onTestFinished(() => reader.close())
      const [{ next } = { next: 0 }] = await admin.bounds(topic)
      const texts: string[] = []
      for await (const entries of reader.read(0, 0, next)) {
        texts.push(...entries.map(({ value }) => String(value)))
      }
      return texts
    },
  }
}

/** A connection to the broker, and a producer's id. */
async function connect({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<{
  readonly connection: Connection
  readonly producerId: bigint
}> {
  const pool = new ConnectionPool('daybook-test')
  onTestFinished(() => pool.close())
  const [host = '', port] = kafka.address.split(':')
  const connection = await pool.get({ host, port: Number(port) })
  const bootstrapBrokers = [kafka.address]
  const producer = new Producer({ clientId: 'daybook-test', bootstrapBrokers, idempotent: true })
  onTestFinished(() => producer.close(true))
  const { producerId } = await producer.initIdempotentProducer({})
  return { connection, producerId }
}

test.concurrent.for([
  [9, { apiKey: 0, minVersion: 3, maxVersion: 13 }],
  [7, { apiKey: 0, minVersion: 0, maxVersion: 8 }],
] as const)(
  'a broker stores a batch once that is sent to it twice, by version %i of the request',
  async ([version, known], context) => {
    const { expect } = context
    const { place, stored } = await topicFor(context)
    const { connection, producerId } = await connect(context)
    const format = produceFormatOf([known])
    if (format === undefined) throw new Error('There is no such format.')
    expect(format.version).toBe(version)
    const send = (firstSequence: number, ...texts: string[]): Promise<void> => {
      const numbers = { producerId, producerEpoch: 0, firstSequence, timestamp: Date.now() }
      return produce(connection, format, place, recordBatchOf(texts.map(messageOf), numbers))
    }
    const last = 2 ** 31 - 2
    await send(last, 'A', 'B', 'C')
    await send(last, 'A', 'B', 'C')
    const next = sequenceAfter(last, 3)
    await send(next, 'D')
    const skipped = await send(next + 2, 'F').catch(brokerErrorOf)
    expect(skipped).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(await stored()).toEqual(['A', 'B', 'C', 'D'])
  },
)

test.concurrent('a broker that knows no version of the request is not sent any', async ({
  expect,
}) => {
  expect(produceFormatOf([{ apiKey: 0, minVersion: 0, maxVersion: 2 }])).toBeUndefined()
  expect(produceFormatOf([{ apiKey: 1, minVersion: 0, maxVersion: 13 }])).toBeUndefined()
})

test.concurrent('a sender of @platformatic/kafka that is closed, or told so before it sends, sends nothing', async (context) => {
  const { expect } = context
  const { client, place, stored } = await topicFor(context)
  const closed = await client.sender()
  await closed.send(place, [messageOf('A')])
  await closed.close()
  await expect(closed.send(place, [messageOf('B')])).rejects.toThrow(/was given up/)
  const told = await client.sender()
  await expect(told.send(place, [messageOf('C')], AbortSignal.abort())).rejects.toThrow()
  expect(await stored()).toEqual(['A'])
})

test.concurrent('what a broker says of single records hides not that it refuses their batch', async (context) => {
  const { expect } = context
  const { client, place, stored } = await topicFor(
    context,
    new Map([['cleanup.policy', 'compact']]),
  )
  const sender = await client.sender()
  context.onTestFinished(() => sender.close())
  const keyless = { ...messageOf('A'), key: null }
  const refusal: unknown = await sender.send(place, [keyless]).catch((error: unknown) => error)
  expect(brokerErrorOf(refusal)).toBe('INVALID_RECORD')
  expect(isRefusal(refusal)).toBe(true)
  expect(await stored()).toEqual([])
})

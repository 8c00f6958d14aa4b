// needs: kafka

import {
  Consumer,
  MessagesStreamModes,
  Producer,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { type Admin, Kafka, type KafkaConfig, logLevel } from 'kafkajs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  kafkaUser,
  readCertificates,
  type Service,
  type ServiceRequest,
  service,
  tcpProxy,
} from '../../src/index.ts'

let kafka: Service
let open: { disconnect(): Promise<void> }[]

beforeEach(async () => {
  open = []
  kafka = await service('kafka')
  await kafka.reset()
})
afterEach(async () => {
  await Promise.all(open.map((client) => client.disconnect()))
})

function connect(broker: string, more: Partial<KafkaConfig> = {}): Kafka {
  const retry = { initialRetryTime: 100, retries: 12 } // a new broker's coordinator takes its time
  return new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING, retry, ...more })
}

async function connectAdmin(client: Kafka): Promise<Admin> {
  const admin = client.admin()
  open.push(admin)
  await admin.connect()
  return admin
}

async function createTopic(client: Kafka, topic: string): Promise<void> {
  const admin = await connectAdmin(client)
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true })
}

async function send(client: Kafka, topic: string, values: readonly string[]): Promise<void> {
  const producer = client.producer({ idempotent: true })
  open.push(producer)
  await producer.connect()
  const messages = values.map((value) => ({ key: value, value }))
  await producer.send({ topic, acks: -1, messages })
}

/** Reads from the beginning until as many have come as were asked for. */
async function read(client: Kafka, topic: string, count: number): Promise<readonly string[]> {
  const consumer = client.consumer({ groupId: `read-${topic}`, maxWaitTimeInMs: 100 })
  open.push(consumer)
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const values: string[] = []
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: { message: { value: Buffer | null } }) => {
      values.push(message.value?.toString() ?? '')
      if (values.length >= count) resolve()
    }
    // One that the client starts again by itself has not failed, as while the group's coordinator loads.
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error))
    consumer.run({ eachMessage }).catch(reject)
  })
  return values.sort()
}

const numbered = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => String(index).padStart(5, '0'))

test('Kafka keeps what it acknowledged over a kill -9', async () => {
  const client = connect(kafka.address)
  await createTopic(client, 'kept')
  await send(client, 'kept', numbered(1_000))
  await kafka.kill()
  expect(kafka.isRunning).toBe(false)
  await kafka.start()
  expect(await read(connect(kafka.address), 'kept', 1_000)).toEqual(numbered(1_000))
})

test('Kafka serves both of the clients that are in use', async () => {
  await createTopic(connect(kafka.address), 'both')
  await send(connect(kafka.address), 'both', ['from kafkajs'])
  const common = { clientId: 'test', bootstrapBrokers: [kafka.address] }
  const producer = new Producer({ ...common, serializers: stringSerializers })
  await producer.send({ messages: [{ topic: 'both', key: 'a', value: 'from platformatic' }] })
  await producer.close()
  const consumer = new Consumer({ ...common, groupId: 'both', deserializers: stringDeserializers })
  const stream = await consumer.consume({ topics: ['both'], mode: MessagesStreamModes.EARLIEST })
  const values: string[] = []
  for await (const { value } of stream) {
    values.push(value)
    if (values.length === 2) break
  }
  await consumer.close(true)
  expect(values.sort()).toEqual(['from kafkajs', 'from platformatic'])
})

test('a reset Kafka has no topics and no groups', async () => {
  await createTopic(connect(kafka.address), 'forgotten')
  await send(connect(kafka.address), 'forgotten', ['a'])
  await read(connect(kafka.address), 'forgotten', 1)
  await Promise.all(open.splice(0).map((client) => client.disconnect()))
  await kafka.reset()
  const admin = await connectAdmin(connect(kafka.address))
  expect(await admin.listTopics()).toEqual(['__consumer_offsets'])
  expect((await admin.listGroups()).groups).toEqual([])
})

test('a paused Kafka answers nobody, and goes on where it was', async () => {
  await createTopic(connect(kafka.address), 'paused')
  kafka.pause()
  const impatient = connect(kafka.address, { requestTimeout: 500, retry: { retries: 0 } })
  await expect(impatient.admin().connect()).rejects.toThrow(/timed? ?out/i)
  kafka.resume()
  await send(connect(kafka.address), 'paused', ['a'])
})

test('a Kafka that was stopped in good order starts again on its data', async () => {
  await createTopic(connect(kafka.address), 'stopped')
  await send(connect(kafka.address), 'stopped', ['a'])
  await kafka.stop()
  await kafka.start()
  expect(await read(connect(kafka.address), 'stopped', 1)).toEqual(['a'])
})

test('a secure Kafka lets in whom it should', async () => {
  await using secure = await service('kafka', { instance: 'secure-once', secure: true })
  const { ca, cert, key } = readCertificates(`${secure.directory}/certificates`)
  const mutual = `${secure.host}:${secure.ports['mutualTls']}`
  const password = `${secure.host}:${secure.ports['password']}`
  // A new one each time: kafkajs keeps the credentials it saw first in the object it is given.
  const sasl = (more = {}) => ({ mechanism: 'plain', ...kafkaUser, ...more }) as const
  await createTopic(connect(mutual, { ssl: { ca, cert, key } }), 'mutual')
  await createTopic(connect(password, { ssl: { ca }, sasl: sasl() }), 'password')

  const quick = { retry: { retries: 0 } }
  const stranger = connect(mutual, { ...quick, ssl: { ca } })
  await expect(stranger.admin().connect()).rejects.toThrow()
  const wrong = connect(password, { ...quick, ssl: { ca }, sasl: sasl({ password: 'wrong' }) })
  await expect(wrong.admin().connect()).rejects.toThrow(/authentication/i)
  await Promise.all(open.splice(0).map((client) => client.disconnect()))
})

test('a Kafka behind a proxy sends its clients there', async () => {
  await using proxy = await tcpProxy()
  const options: ServiceRequest = { instance: 'proxied-once', advertised: proxy.address }
  await using proxied = await service('kafka', options)
  proxy.to({ host: proxied.host, port: proxied.ports['proxied'] ?? 0 })
  const client = connect(proxy.address)
  await createTopic(client, 'through')
  await send(client, 'through', ['a'])
  expect(proxy.passed.up).toBeGreaterThan(0)
  proxy.refuse()
  proxy.cut()
  const cutOff = connect(proxy.address, { retry: { retries: 0 } })
  await expect(cutOff.admin().connect()).rejects.toThrow(/ECONNREFUSED/)
  await proxy.heal()
  expect(await read(connect(proxy.address), 'through', 1)).toEqual(['a'])
  await Promise.all(open.splice(0).map((opened) => opened.disconnect()))
})

// needs: kafka

import { randomUUID } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type Service, service } from '@daybook/services'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, type TestContext, test } from 'vitest'
import { kafkajs } from '../../src/index.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** Connections to the broker, which can be cut and refused. */
class Wires {
  readonly #sockets = new Set<Socket>()
  #isRefusing = false
  refused = 0

  get open(): number {
    return this.#sockets.size
  }

  readonly factory = ({ host, port, onConnect }: Where): Socket => {
    if (this.#isRefusing) this.refused++
    // Nobody listens on port 1.
    const socket = connect({ host, port: this.#isRefusing ? 1 : port }, onConnect)
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }

  refuse(): void {
    this.#isRefusing = true
    for (const socket of this.#sockets) socket.destroy(new Error('The wire is cut.'))
  }

  heal(): void {
    this.#isRefusing = false
  }
}

type Where = { host: string; port: number; onConnect: () => void }

const messageOf = (text: string) => ({
  key: null,
  value: Buffer.from(text),
  headers: new Map([['kind', Buffer.from('letter')]]),
})

async function lettersOf({ onTestFinished }: Pick<TestContext, 'onTestFinished'>, topic: string) {
  const brokers = [kafka.address]
  const client = kafkajs(new Kafka({ brokers, logLevel: logLevel.NOTHING }))
  const reader = await client.reader(topic)
  onTestFinished(() => reader.close())
  const admin = await client.admin()
  const [{ next } = { next: 0 }] = await admin.bounds(topic)
  await admin.close()
  const letters: string[] = []
  for await (const entries of reader.read(0, 0, next)) {
    letters.push(...entries.map(({ value }) => String(value)))
  }
  return letters
}

test.concurrent.for(['closed', 'told to give it up'] as const)(
  'a sender of kafkajs that is %s while it tries again never stores that batch behind newer ones',
  async (how, context) => {
    const { expect } = context
    const wires = new Wires()
    const retry = { initialRetryTime: 50, retries: 12 }
    const client = kafkajs(
      new Kafka({
        ...{ brokers: [kafka.address], logLevel: logLevel.NOTHING, retry },
        socketFactory: wires.factory,
      }),
    )
    const topic = `given-up-${randomUUID()}`
    const admin = await client.admin()
    await admin.create([{ topic, partitions: 1, replicas: 1, settings: new Map() }])
    await expect.poll(async () => (await admin.topic(topic))?.hasLeaders).toBe(true)
    await admin.close()
    const place = { topic, partition: 0 }
    const first = await client.sender()
    await first.send(place, [messageOf('A')])
    wires.refuse()
    const giveUp = new AbortController()
    const late = first.send(place, [messageOf('B')], giveUp.signal).then(
      () => 'stored',
      () => 'given up',
    )
    await expect.poll(() => wires.refused, { timeout: 10_000 }).toBeGreaterThan(0)
    const closing = how === 'closed' ? first.close() : giveUp.abort()
    wires.heal()
    const second = await client.sender()
    await second.send(place, [messageOf('C')])
    expect(await late).toBe('given up')
    await closing
    if (how !== 'closed') await first.close()
    await second.close()
    expect(await lettersOf(context, topic)).toEqual(['A', 'C'])
    await expect.poll(() => wires.open, { timeout: 5_000 }).toBe(0)
  },
)

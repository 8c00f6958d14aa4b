// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, defineTarget, fanOut, type } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, type TestContext, test } from 'vitest'
import { type KafkaClient, kafkaQueue } from '../../src/index.ts'
import { clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { resetPatiently } from '../support/reset.ts'
import { watchedClient } from '../support/watched-client.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** A wal over a topic of one partition, what its target was given, and what went wrong. */
async function filmsOn(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  client: KafkaClient,
  topic: string,
) {
  const applied: number[] = []
  const errors: string[] = []
  const store = defineTarget<{ n: number }>(
    async (records) => {
      for (const { payload } of records) if (payload?.n !== undefined) applied.push(payload.n)
    },
    { idempotency: 'id' },
  )
  const queue = kafkaQueue({ client, topic, partitions: 1, allowUnderReplicated: true })
  const wal = await createWal({
    namespaces: { films: fanOut({ payload: type<{ n: number }>(), queue, targets: { store } }) },
  })
  wal.on('error', ({ error }) => errors.push(error.code))
  onTestFinished(() => wal.close({ timeout: '5s' }))
  const write = async (from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n++) await wal.write('films', { key: 'a film', payload: { n } })
  }
  return { wal, write, applied, errors }
}

test.concurrent.for(clientNames)(
  'records that the broker removed before their time are told of, and hold up no others, through %s',
  async (name, context) => {
    const { expect } = context
    const topic = `removed-${randomUUID()}`
    const client = clientFor(name, kafka.address)
    const before = await filmsOn(context, client, topic)
    await before.write(1, 2)
    await before.wal.start()
    await before.wal.drain({ timeout: '20s' })
    await before.wal.close()
    const after = await filmsOn(context, client, topic)
    await after.write(3, 8)
    const admin = await client.admin()
    await admin.deleteBefore([{ topic, partition: 0, offset: 5 }])
    await admin.close()
    await after.wal.start()
    await expect.poll(() => after.applied, { timeout: 20_000 }).toEqual([6, 7, 8])
    expect(after.errors).toEqual(['ERR_NOT_KEPT'])
  },
)

test.concurrent.for(clientNames)(
  'what the broker removes while a member is about to read it holds up no others, through %s',
  async (name, context) => {
    const { expect } = context
    const topic = `overtaken-${randomUUID()}`
    const client = watchedClient(clientFor(name, kafka.address))
    const { wal, write, applied } = await filmsOn(context, client, topic)
    const place = { topic, partition: 0 }
    await write(1, 6)
    const entries: number[] = []
    // A member may join later than it is opened, and again: what it was told to read before counts for nothing.
    const { promise: hasPlaces, resolve: gotPlaces } = Promise.withResolvers<void>()
    let readOn: () => void = () => {}
    const group = await clientFor(name, kafka.address).group(
      { group: randomUUID(), topics: [topic], sessionTimeoutMs: 10_000 },
      {
        assigned: (places) => {
          if (places.length > 0) gotPlaces()
          readOn()
        },
        rebalancing: () => {},
        entries: (_, read) => entries.push(...read.map(({ offset }) => offset)),
        failed: () => {},
      },
    )
    context.onTestFinished(() => group.close())
    await hasPlaces
    const admin = await client.admin()
    await admin.deleteBefore([{ ...place, offset: 4 }])
    await admin.close()
    readOn = () => group.read(place, 2)
    readOn()
    await expect.poll(() => [...new Set(entries)], { timeout: 20_000 }).toEqual([4, 5])
    await wal.start()
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual([5, 6])
  },
)

test.concurrent.for(clientNames)(
  'records that the broker removes under a running consumer are told of, through %s',
  async (name, context) => {
    const { expect } = context
    const topic = `running-${randomUUID()}`
    const client = watchedClient(clientFor(name, kafka.address))
    const { wal, write, applied, errors } = await filmsOn(context, client, topic)
    await wal.start()
    await write(1, 2)
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual([1, 2])
    const member = client.member(`daybook.${topic}.store`)
    if (member !== undefined) member.isDeaf = true
    await write(3, 8)
    const admin = await client.admin()
    await admin.deleteBefore([{ topic, partition: 0, offset: 5 }])
    await admin.close()
    if (member !== undefined) member.isDeaf = false
    member?.group?.read({ topic, partition: 0 }, 2)
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual([1, 2, 6, 7, 8])
    // One client says so by itself, too.
    await expect.poll(() => errors).toContain('ERR_NOT_KEPT')
  },
)

test.concurrent.for(clientNames)(
  'what is applied during a rebalance is committed once it is over, through %s',
  async (name, context) => {
    const { expect } = context
    const topic = `between-${randomUUID()}`
    const client = watchedClient(clientFor(name, kafka.address))
    const { wal, write, applied } = await filmsOn(context, client, topic)
    await wal.start()
    const group = `daybook.${topic}.store`
    const member = client.member(group)
    await expect.poll(() => member?.places).toHaveLength(1)
    member?.listener.rebalancing()
    await write(1, 3)
    await expect.poll(() => applied).toEqual([1, 2, 3])
    const admin = await client.admin()
    context.onTestFinished(() => admin.close())
    const committed = async () => (await admin.committed(group, topic)).get(0)?.offset ?? 0
    // Longer than acks are gathered: during the rebalance it must not be.
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await committed()).toBe(0)
    member?.listener.assigned(member.places)
    await expect.poll(committed, { timeout: 10_000 }).toBe(3)
  },
)

test.concurrent.for(clientNames)(
  'a start that fails with one of the groups leaves no member behind, through %s',
  async (name, context) => {
    const { expect } = context
    const topic = `halfway-${randomUUID()}`
    let refusals = 1
    const client = watchedClient(clientFor(name, kafka.address), async ({ group }) => {
      if (group.endsWith('.delays') && refusals-- > 0) throw new Error('not now')
    })
    const { wal, write, applied } = await filmsOn(context, client, topic)
    await expect(wal.start()).rejects.toThrow(/not now/)
    await wal.start()
    await write(1, 1)
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual([1])
  },
)

test.concurrent('a member that kafkajs gives up for good joins again', async (context) => {
  const { expect } = context
  const topic = `given-up-${randomUUID()}`
  const client = clientFor('kafkajs', kafka.address)
  const { write } = await filmsOn(context, client, topic)
  const place = { topic, partition: 0 }
  const seen: number[] = []
  const failures: unknown[] = []
  const giveUp = Object.assign(new Error('no rights'), { retriable: false })
  giveUp.name = 'KafkaJSNonRetriableError'
  const again: (() => void)[] = []
  const group = await client.group(
    { group: randomUUID(), topics: [topic], sessionTimeoutMs: 10_000 },
    {
      assigned: (places) => {
        if (places.length > 0) for (const read of again) read()
      },
      rebalancing: () => {},
      entries: (_, entries) => {
        if (failures.length === 0) throw giveUp
        seen.push(...entries.map(({ offset }) => offset))
      },
      failed: (error) => failures.push(error),
    },
  )
  context.onTestFinished(() => group.close())
  again.push(() => group.read(place, 0))
  group.read(place, 0)
  await write(1, 1)
  await expect.poll(() => seen, { timeout: 20_000 }).toEqual([0])
  expect(failures).toHaveLength(1)
})

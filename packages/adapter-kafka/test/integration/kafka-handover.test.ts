// needs: kafka

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Delivery, systemClock, systemRandom } from '@daybook/core'
import { makeStoredRecord } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, type TestContext, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { Places } from '../../src/places.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** One process that consumes. */
async function processOn(
  { onTestFinished }: Pick<TestContext, 'onTestFinished'>,
  name: ClientName,
  topic: string,
) {
  const queue = kafkaQueue({
    ...{ client: clientFor(name, kafka.address), topic, partitions: 2 },
    allowUnderReplicated: true,
  })
  await queue.open({
    ...{ namespace: 'films', targets: ['store'], directory: undefined },
    ...{ clock: systemClock, random: systemRandom, reportError: () => {} },
  })
  const consumer = await queue.consumer('store')
  onTestFinished(async () => {
    await consumer.close()
    await queue.close()
  })
  const taken: Delivery[] = []
  const take = async (count: number): Promise<readonly Delivery[]> => {
    const signal = AbortSignal.timeout(20_000)
    while (taken.length < count && !signal.aborted) {
      taken.push(...(await consumer.pull({ maxRecords: 10, maxBytes: 100_000, signal })))
    }
    return taken
  }
  return { queue, consumer, take }
}

test.concurrent.for(clientNames)(
  'what comes of a record after its partition was lost counts for nothing, and its next owner has it, through %s',
  async (name, context) => {
    const { expect, onTestFinished } = context
    const topic = `handed-over-${randomUUID()}`
    const first = await processOn(context, name, topic)
    const places = new Places([[topic, 2]])
    const partitionOf = ({ record }: Delivery) => places.of(Buffer.from(record.key ?? '')).partition
    const records = Array.from({ length: 8 }, (_, n) => makeStoredRecord({ key: `film ${n}` }))
    await (await first.queue.producer()).send(records)
    const deliveries = await first.take(records.length)
    expect(new Set(deliveries.map(partitionOf))).toEqual(new Set([0, 1]))

    const second = await processOn(context, name, topic)
    const lost = () => deliveries.filter(({ lease }) => lease?.aborted === true)
    await expect.poll(lost, { timeout: 30_000 }).not.toEqual([])
    // After the handover it is of one partition, whole.
    const gone = await second.take(1)
    const partition = partitionOf(gone[0] as Delivery)
    await first.consumer.ack(deliveries)
    const admin = await clientFor(name, kafka.address).admin()
    onTestFinished(() => admin.close())
    const committed = async () => {
      const commits = await admin.committed(`daybook.${topic}.store`, topic)
      return [0, 1].map((of) => commits.get(of)?.offset ?? 0)
    }
    const sizes = [0, 1].map((of) => deliveries.filter((one) => partitionOf(one) === of).length)
    const wanted = sizes.map((size, of) => (of === partition ? 0 : size))
    await expect.poll(committed, { timeout: 20_000 }).toEqual(wanted)
    // Acks are gathered for less than that.
    await sleep(500)
    expect(await committed()).toEqual(wanted)

    const again = await second.take(sizes[partition] ?? 0)
    const ids = (of: readonly Delivery[]) => of.map(({ record }) => record.id)
    expect(ids(again)).toEqual(ids(deliveries.filter((one) => partitionOf(one) === partition)))
    await second.consumer.ack(again)
    await expect.poll(committed, { timeout: 20_000 }).toEqual(sizes)
  },
)

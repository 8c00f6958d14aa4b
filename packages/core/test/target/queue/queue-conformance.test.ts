import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { jsonCodec } from '../../../src/codec.ts'
import type { Producer } from '../../../src/producer/producer.ts'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import { memoryQueue } from '../../../src/queue/memory-queue.ts'
import type { Queue } from '../../../src/queue/queue.ts'
import { queueTarget } from '../../../src/target/queue/queue-target.ts'
import { runConformance, targetConformance } from '../../../src/testing/index.ts'
import { type Row, rowPayloads, VersionedStore } from '../../testing/versioned-store.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const { put, patch } = rowPayloads

describe('queueTarget over a memory queue', { concurrent: true }, () => {
  const cases = targetConformance<Row>({ create: () => subject(memoryQueue()), put, patch, seed })
  for (const { name, run } of cases) it(name, run)
})

const inOrder = 'ends in the state of the versions after redelivery in order'

it(`${inOrder} by queueTarget, of five hundred histories`, async () => {
  // A case may take ten times the patience, and a busy machine takes its time.
  const patient = { runs: 500, patienceMs: 20_000 }
  const create = () => subject(memoryQueue())
  const cases = targetConformance<Row>({ create, put, patch, seed, ...patient })
  await cases.find(({ name }) => name === inOrder)?.run()
  expect(cases.map(({ name }) => name)).toContain(inOrder)
}, 200_000)

describe('queueTarget over a file queue', { concurrent: true }, () => {
  const create = async () => {
    const directory = await mkdtemp(join(tmpdir(), 'daybook-queue-target-'))
    const dispose = () => rm(directory, { recursive: true })
    return { ...subject(fileQueue({ directory })), dispose }
  }
  const cases = targetConformance<Row>({ create, put, patch, seed, runs: 5 })
  for (const { name, run } of cases) it(name, run)
})

describe('a queue that is broken', () => {
  it('is found by the suite of targets where it says yes to records that it drops', async () => {
    const queue = memoryQueue()
    const producerOf = queue.producer.bind(queue)
    queue.producer = async () => dropping(await producerOf())
    const cases = targetConformance<Row>({ create: () => subject(queue), put, patch, seed })
    const [result] = await runConformance(cases.filter(({ name }) => name === 'stores what is put'))
    expect(result?.failure).toMatchObject({ name: 'AssertionError' })
  })
})

function dropping(producer: Producer): Producer {
  return {
    send: async (records) => records.map(() => ({ durable: 'yes' })),
    close: () => producer.close(),
  }
}

/** What a reader of the queue holds that compares versions. */
function subject(queue: Queue) {
  const store = new VersionedStore()
  let consumer: Awaited<ReturnType<Queue['consumer']>> | undefined
  const target = queueTarget<Row>({ queue, namespace: 'films', targets: ['reader'] })
  const close = target.close?.bind(target)
  target.close = async () => {
    await consumer?.close()
    await close?.()
  }
  return {
    target,
    read: async (key: string) => {
      consumer ??= await queue.consumer('reader')
      const { signal } = new AbortController()
      while (((await consumer.backlog())?.pending ?? 0) > 0) {
        const deliveries = await consumer.pull({ maxRecords: 1000, maxBytes: 2 ** 30, signal })
        const rows = deliveries.map(({ record }) => ({
          ...record,
          payload: record.payload && jsonCodec.decode(record.payload),
        }))
        await store.apply(rows as never)
        await consumer.ack(deliveries)
      }
      return store.read(key)
    },
  }
}

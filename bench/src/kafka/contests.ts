import { randomUUID } from 'node:crypto'
import { kafkaQueue } from '@daybook/adapter-kafka'
import { Arrivals, consumeThroughWal } from '../brokers/consuming.ts'
import { Stopwatch } from '../brokers/stopwatch.ts'
import type { BrokerContest, BrokerRound } from '../brokers/turns.ts'
import { type WritingTask, writeBare, writeThroughWal } from '../brokers/writing.ts'
import { type BareListener, type ClientOnTrial, watched } from './clients.ts'
import { partitions, type Topics } from './topics.ts'

/** Where the contests take place. */
export interface Ground {
  readonly broker: string
  readonly topics: Topics
}

/** Writing: each round into a topic of its own, which has to hold everything at the end. */
export function writingContest(
  client: ClientOnTrial,
  { broker, topics }: Ground,
  task: WritingTask,
): BrokerContest {
  const intoTopic = async (work: (topic: string) => Promise<BrokerRound>): Promise<BrokerRound> => {
    const topic = await topics.create()
    try {
      const round = await work(topic)
      const stored = await topics.size(topic)
      if (stored === task.records) return round
      throw new Error(`${task.records} records were written, and the topic holds ${stored}`)
    } finally {
      await topics.remove(topic)
    }
  }
  const bare = (name: string, headers: Readonly<Record<string, string>>) => ({
    name,
    run: (batchRecords: number) =>
      intoTopic(async (topic) => {
        const producer = await client.producer(broker)
        const value = Buffer.alloc(task.payloadBytes, 7)
        try {
          return await writeBare(
            task,
            { loops: partitions, batchRecords },
            (key, partition) => ({ key, value, partition, headers }),
            (batch) => producer.send(topic, batch),
          )
        } finally {
          await producer.close()
        }
      }),
  })
  return {
    about: `writing, ${client.name}`,
    ours: {
      name: 'through the wal',
      run: () =>
        intoTopic((topic) => {
          let calls = 0
          const sent = (): void => void calls++
          const options = { topic, allowUnderReplicated: true }
          const queue = kafkaQueue({ ...options, client: watched(client.ours(broker), { sent }) })
          return writeThroughWal(queue, task, () => calls)
        }),
    },
    bare: [bare('bare, same messages', headersLikeOurs), bare('bare, no headers', {})],
    goal: 0.9,
  }
}

/** What a record has beside its key and payload, at its usual length. */
const headersLikeOurs: Readonly<Record<string, string>> = {
  'daybook-id': '019aa000-0000-7000-8000-000000000000',
  'daybook-namespace': 'bench',
  'daybook-version': '1764000000000000',
}

/** Consuming: all of one topic that is there already, each round in a new group, and committed. */
export function consumingContest(
  client: ClientOnTrial,
  { broker, topics }: Ground,
  { topic, records }: { readonly topic: string; readonly records: number },
): BrokerContest {
  const inGroup = async (
    group: string,
    work: (arrivals: Arrivals) => Promise<BrokerRound>,
  ): Promise<BrokerRound> => {
    const round = await work(new Arrivals(records))
    const committed = await topics.committed(group, topic)
    if (committed === records) return round
    throw new Error(`${records} records were consumed, and ${committed} committed`)
  }
  const bare = (name: string, handOn?: BareListener['handOn']) => ({
    name,
    run: () => {
      const group = `bench-${randomUUID()}`
      return inGroup(group, async (arrivals) => {
        const watch = new Stopwatch()
        const assigned = (): void => watch.start()
        const came = (messages: number): void => arrivals.add(messages)
        const place = { group, topic }
        const consumer = await client.consumer(broker, place, { assigned, came, handOn })
        try {
          await arrivals.whole()
          return watch.stop(records)
        } finally {
          await consumer.close()
        }
      })
    },
  })
  return {
    about: `consuming, ${client.name}`,
    ours: {
      name: 'through the wal',
      run: () => {
        const group = `bench-${randomUUID()}`
        const watch = new Stopwatch()
        const assigned = (): void => watch.start()
        const options = { topic, group, allowUnderReplicated: true }
        const queue = kafkaQueue({ ...options, client: watched(client.ours(broker), { assigned }) })
        return inGroup(`${group}.counting`, (arrivals) =>
          consumeThroughWal(queue, arrivals, () => watch.stop(records)),
        )
      },
    },
    bare: [
      bare('bare, counting'),
      bare('bare, reading', (handed) => {
        for (const { key, headers } of handed) {
          if (key === undefined || headers['daybook-id'] === undefined) throw new Error('a stray')
        }
      }),
    ],
    goal: 0.8,
  }
}

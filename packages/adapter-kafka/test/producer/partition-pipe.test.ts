import { type Clock, systemClock } from '@daybook/core'
import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { KafkaClient, KafkaSender } from '../../src/index.ts'
import { UnsentError } from '../../src/kafka-errors.ts'
import { PartitionPipe } from '../../src/producer/partition-pipe.ts'
import { SenderPool } from '../../src/producer/sender-pool.ts'

/** A pipe whose senders are opened by these, one after the other. */
function pipeOf(...senders: (() => Promise<KafkaSender>)[]) {
  return pipeBy(systemClock, senders)
}

function pipeBy(clock: Clock, senders: readonly (() => Promise<KafkaSender>)[]) {
  let opened = 0
  const sender = (): Promise<KafkaSender> => {
    const open = senders[opened++]
    return open ? open() : Promise.reject(new Error('No more senders.'))
  }
  const pool = new SenderPool({ sender } as unknown as KafkaClient)
  const options = {
    ...{ clock, lingerMs: 0, batchBytes: 1_000, sendTimeoutMs: 100 },
    largestBatch: async () => 900,
  }
  const pipes = [0, 1].map(
    (partition) => new PartitionPipe({ topic: 'films', partition }, pool, options),
  )
  const send = async (partition = 0) => {
    const outcome = await pipes[partition]?.send({ key: null, value: null, headers: new Map() })
    return [outcome?.durable, outcome?.error?.code]
  }
  return { pipe: pipes[0] as PartitionPipe, send, opened: () => opened }
}

const works = async (): Promise<KafkaSender> => ({ async send() {}, async close() {} })

function brokerSays(type: string): Error {
  return Object.assign(new Error('The broker said so.'), { type })
}

function answers(type: string): () => Promise<KafkaSender> {
  return async () => ({
    async send() {
      throw brokerSays(type)
    },
    async close() {},
  })
}

test('a sender that could not be opened is not used again, whatever the reason', async () => {
  const pipe = pipeOf(() => Promise.reject(brokerSays('CLUSTER_AUTHORIZATION_FAILED')), works)
  expect(await pipe.send()).toEqual(['no', 'ERR_CONFIG'])
  expect(await pipe.send()).toEqual(['yes', undefined])
  expect(await pipe.send()).toEqual(['yes', undefined])
  expect(pipe.opened()).toBe(2)
})

test('what is not sent since no sender opens in time is not said to be stored perhaps', async () => {
  const { pipe } = pipeOf(() => new Promise(() => {}))
  const { durable, error } = await pipe.send({ key: null, value: null, headers: new Map() })
  expect(durable).toBe('no')
  expect(error?.message).toMatch(/gave no answer for 100 ms; nothing of it was sent\.$/)
})

test('a sender is given up after a refusal too, for an earlier try of it may have been stored', async () => {
  const pipe = pipeOf(answers('MESSAGE_TOO_LARGE'), works)
  expect(await pipe.send()).toEqual(['no', 'ERR_PAYLOAD_TOO_LARGE'])
  expect(await pipe.send()).toEqual(['yes', undefined])
  expect(pipe.opened()).toBe(2)
})

test('a topic that a broker does not know says nothing of what it has stored before', async () => {
  const pipe = pipeOf(answers('UNKNOWN_TOPIC_OR_PARTITION'))
  expect(await pipe.send()).toEqual(['unknown', 'ERR_CONFIG'])
})

/** Holds back what is for one partition until it is given up; then it says so, or nothing. */
function holdsBack(partition: number, saysSo: boolean): () => Promise<KafkaSender> {
  return async () => ({
    async send(place, _, signal) {
      if (place.partition !== partition) return
      await new Promise((_resolve, reject) => {
        if (saysSo) signal?.addEventListener('abort', () => reject(new UnsentError('Held back.')))
      })
    },
    async close() {},
  })
}

test("a batch that was held back until its time was up is 'no', and takes the sender from no other partition", async () => {
  const pipe = pipeOf(holdsBack(0, true), works)
  const late = pipe.send(0)
  expect(await pipe.send(1)).toEqual(['yes', undefined])
  expect(await late).toEqual(['no', 'ERR_IO'])
  expect(await pipe.send(1)).toEqual(['yes', undefined])
  expect(pipe.opened()).toBe(1)
})

test('a sender that has stored nothing while it held a batch back is given up', async () => {
  const pipe = pipeOf(holdsBack(0, true), works)
  expect(await pipe.send(1)).toEqual(['yes', undefined])
  expect(await pipe.send(0)).toEqual(['no', 'ERR_IO'])
  expect(await pipe.send(0)).toEqual(['yes', undefined])
  expect(pipe.opened()).toBe(2)
})

test("a batch of which the sender says nothing once its time is up is 'unknown'", async () => {
  const pipe = pipeOf(holdsBack(0, false), works)
  expect(await pipe.send(0)).toEqual(['unknown', 'ERR_IO'])
  expect(await pipe.send(0)).toEqual(['yes', undefined])
  expect(pipe.opened()).toBe(2)
})

test('a batch that is too large as a whole is no fault of its records, and those to come are smaller', async () => {
  const sent: number[] = []
  // It takes 300 bytes at a time.
  const small = async (): Promise<KafkaSender> => ({
    async send(_, messages) {
      const bytes = messages.reduce((sum, { value }) => sum + Number(value?.length), 0)
      sent.push(bytes)
      if (bytes > 300) throw brokerSays('MESSAGE_TOO_LARGE')
    },
    async close() {},
  })
  const { pipe } = pipeOf(...Array.from({ length: 10 }, () => small))
  const add = async (bytes: number): Promise<string> => {
    const message = { key: null, value: Buffer.alloc(bytes), headers: new Map() }
    const [{ durable, error }] = await pipe.add(message, bytes)
    return `${durable} ${error?.code}`
  }
  const round = () => Promise.all([100, 100, 100, 100, 500, 100].map(add))
  expect(await round()).toEqual(Array.from({ length: 6 }, () => 'no ERR_THROTTLED'))
  expect(await round()).toEqual([
    ...Array.from({ length: 4 }, () => 'no ERR_THROTTLED'),
    ...['no ERR_PAYLOAD_TOO_LARGE', 'yes undefined'],
  ])
  expect(await round()).toEqual([
    ...Array.from({ length: 4 }, () => 'yes undefined'),
    ...['no ERR_PAYLOAD_TOO_LARGE', 'yes undefined'],
  ])
  expect(sent).toEqual([1_000, 400, 500, 100, 200, 200, 500, 100])
})

test('batches that became smaller grow again once the topic says that it takes more', async () => {
  let mostBytes = 300
  const sent: number[] = []
  const strict = async (): Promise<KafkaSender> => ({
    async send(_, messages) {
      if (100 * messages.length > mostBytes) throw brokerSays('MESSAGE_TOO_LARGE')
      sent.push(messages.length)
    },
    async close() {},
  })
  const clock = new VirtualClock()
  const { pipe } = pipeBy(
    clock,
    Array.from({ length: 5 }, () => strict),
  )
  const round = async (): Promise<readonly number[]> => {
    sent.length = 0
    const message = { key: null, value: null, headers: new Map() }
    const adding = Array.from({ length: 10 }, () => pipe.add(message, 100))
    await clock.runUntil(Promise.all(adding))
    return [...sent]
  }
  await round()
  await round()
  mostBytes = 900
  // It has been refused just now.
  expect(await round()).toEqual([2, 2, 2, 2, 2])
  await clock.advance(10_000)
  // What is on its way as it is looked at stays as it was made up.
  expect(await round()).toEqual([2, 2, 2, 2, 2])
  expect(await round()).toEqual([9, 1])
})

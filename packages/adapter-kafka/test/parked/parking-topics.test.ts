import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import type { KafkaCommit } from '../../src/index.ts'
import { settingsOf } from '../../src/kafka-options.ts'
import { checkParkedIsThere, parkingTopics } from '../../src/parked/parking-topics.ts'
import type { QueueParts } from '../../src/queue-parts.ts'

const client = { name: 'none', admin() {}, sender() {}, group() {}, reader() {} } as never
const settings = settingsOf({ client, topic: 'films', allowUnderReplicated: true })

/** A cluster with these topics of four partitions, and a principal that may not look at some. */
function cluster(names: readonly string[], denied: readonly string[] = []) {
  const there = new Map(names.map((name) => [name, 4]))
  const made: string[] = []
  const admin = {
    async topic(name: string) {
      if (denied.includes(name))
        throw Object.assign(new Error('no'), { type: 'TOPIC_AUTHORIZATION_FAILED' })
      const partitions = there.get(name)
      return partitions && { partitions, replicas: 1, hasLeaders: true }
    },
    async create(topics: readonly { topic: string; partitions: number }[]) {
      for (const { topic, partitions } of topics) {
        there.set(topic, partitions)
        made.push(topic)
      }
    },
    settings: async () =>
      new Map([
        ['cleanup.policy', 'delete'],
        ['retention.ms', '-1'],
      ]),
    cluster: async () => ({ id: 'c', brokers: 1 }),
  }
  const look = (blocksKeys: boolean, partitions = 4, group = 'daybook.films') =>
    parkingTopics(
      {
        ...{ admin: admin as never, settings: { ...settings, group }, pause: async () => {} },
        context: { blocksKeys, targets: ['a', 'b'] },
      },
      [['films', { partitions, retentionMs: 1, longestStayMs: 1 }]],
    )
  return { look, made }
}

test('the topics of parked records are made where dead letters block their keys, one for each target', async () => {
  const { look, made } = cluster([])
  expect([...(await look(true))]).toEqual(['films.parked.a', 'films.parked.b'])
  expect(made).toEqual(['films.parked.a', 'films.parked.b'])
})

test('another group of the same topic has topics of its own for what it parks', async () => {
  const { look } = cluster([])
  expect([...(await look(true, 4, 'others'))]).toEqual([
    ...['films.parked-by.others.a', 'films.parked-by.others.b'],
  ])
  await expect(look(true, 4, 'no such name')).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  expect([...(await look(false, 4, 'no such name'))]).toEqual([])
})

test('where keys go on, a topic of parked records is made nowhere, and used where it is', async () => {
  const { look, made } = cluster(['films.parked.b'], ['films.parked.a'])
  expect([...(await look(false))]).toEqual(['films.parked.b'])
  expect(made).toEqual([])
})

test('a topic of parked records with fewer partitions than its own will not do', async () => {
  const { look } = cluster(['films.parked.a', 'films.parked.b'])
  await expect(look(true, 5)).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/it has 4 partitions and needs 5/),
  })
})

test('a group that has parked records does not start where their topic is not to be had', async () => {
  const commit: KafkaCommit = { topic: 'films', partition: 0, offset: 9, metadata: '1;;;;1.2.0.5' }
  const parts = {
    admin: { committed: async () => new Map([[0, commit]]) },
    parking: new Set<string>(),
    options: settings,
    context: { clock: new VirtualClock() },
  } as unknown as QueueParts
  await expect(checkParkedIsThere(parts, 'a', 'g')).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/^5 records of films for 'a' wait in films\.parked\.a/),
  })
  const there = { ...parts, parking: new Set(['films.parked.a']) }
  await expect(checkParkedIsThere(there, 'a', 'g')).resolves.toBeUndefined()
})

/** What a group is asked with, whose coordinator answers a number of times in vain, each time after so long. */
function coordinator(inVain: number, eachMs: number) {
  const clock = new VirtualClock()
  const begun = clock.monotonic()
  const pause = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(ms, resolve))
  const seen = { asked: 0 }
  const parts = {
    admin: {
      async committed() {
        seen.asked++
        await pause(eachMs)
        if (seen.asked > inVain) return new Map()
        throw Object.assign(new Error('not I'), { type: 'NOT_COORDINATOR_FOR_GROUP' })
      },
    },
    ...{ parking: new Set<string>(), options: settings, context: { clock }, pause },
  } as unknown as QueueParts
  const check = () => clock.runUntil(checkParkedIsThere(parts, 'a', 'g'))
  return { check, seen, tookMs: () => clock.monotonic() - begun }
}

test('a group is asked again how far it is while its coordinator comes back, and not for ever', async () => {
  const back = coordinator(3, 0)
  await expect(back.check()).resolves.toBeUndefined()
  expect(back.seen.asked).toBe(4)
  const gone = coordinator(Number.POSITIVE_INFINITY, 0)
  await expect(gone.check()).rejects.toMatchObject({ code: 'ERR_IO' })
  expect(gone.tookMs()).toBeGreaterThan(9_000)
  expect(gone.tookMs()).toBeLessThan(20_000)
})

test('a start in which the client tries for minutes is not made to wait for that again and again', async () => {
  const { check, seen, tookMs } = coordinator(Number.POSITIVE_INFINITY, 180_000)
  await expect(check()).rejects.toMatchObject({ code: 'ERR_IO' })
  expect([seen.asked, tookMs()]).toEqual([1, 180_000])
})

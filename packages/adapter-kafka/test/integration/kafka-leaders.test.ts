// needs: own kafka

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createWal, fanOut, type Receipt, type } from '@daybook/core'
import { reportDelivery } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { Admin } from '@platformatic/kafka'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type KafkaQueueOptions, kafkaQueue } from '../../src/index.ts'
import { Places } from '../../src/places.ts'
import { withLeaderless } from '../../src/platformatic/leaderless.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { keyedWriters, WatchfulTarget } from '../support/keyed-writers.ts'

let first: Service
let second: Service
let mover: ReturnType<Kafka['admin']>
let looker: Admin

// A cluster of two brokers. The one that came first coordinates all groups.
beforeAll(async () => {
  first = await service('kafka', { instance: 'first' })
  await awaitCoordinator(first.address)
  second = await service('kafka', { instance: 'second', joins: 'first' })
  mover = new Kafka({ brokers: [first.address], logLevel: logLevel.NOTHING }).admin()
  await mover.connect()
  looker = withLeaderless(new Admin({ clientId: 'test', bootstrapBrokers: [first.address] }))
})
afterAll(async () => {
  await Promise.all([mover.disconnect(), looker.close()])
  await second.remove()
  await first.remove()
})

async function leadersOf(topic: string): Promise<readonly number[]> {
  const { topics } = await looker.metadata({ topics: [topic], forceUpdate: true })
  return topics.get(topic)?.partitions.map(({ leader }) => leader) ?? []
}

/** Gives each partition to one broker alone, which then leads it. */
async function lead(topic: string, brokers: readonly number[]): Promise<void> {
  const partitionAssignment = brokers.map((broker, partition) => ({
    ...{ partition, replicas: [broker] },
  }))
  await mover.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
  await expect.poll(() => leadersOf(topic), { timeout: 20_000 }).toEqual(brokers)
}

async function walOn(
  name: ClientName,
  topic: string,
  target: WatchfulTarget,
  client: KafkaQueueOptions['client'] = clientFor(name, first.address),
) {
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        payload: type<{ n: number }>(),
        queue: kafkaQueue({
          ...{ client, topic, partitions: 2 },
          ...{ allowUnderReplicated: true, sendTimeoutMs: 2_000, sessionTimeoutMs: 6_000 },
        }),
        targets: { store: target },
      }),
    },
  })
  wal.on('error', () => {}) // there are some while a partition has no leader
  return wal
}

/** A key of each partition. */
function keysOf(topic: string): readonly string[] {
  const places = new Places([[topic, 2]])
  const keys = Array.from({ length: 100 }, (_, n) => `film ${n}`)
  return [0, 1].map(
    (wanted) => keys.find((key) => places.of(Buffer.from(key)).partition === wanted) as string,
  )
}

test('a partition that another broker leads from now on loses no record and keeps the order of each key, through either client', async ({
  annotate,
}) => {
  await Promise.all(
    clientNames.map(async (name) => {
      const topic = `moved-${randomUUID()}`
      const target = new WatchfulTarget()
      const wal = await walOn(name, topic, target)
      await lead(topic, [1, 2])
      await wal.start()
      const moves: (() => Promise<void>)[] = [
        [2, 1],
        [1, 1],
        [2, 2],
        [1, 2],
      ].map((brokers) => () => lead(topic, brokers))
      let moving = Promise.resolve()
      const { written, unknown, refused } = await keyedWriters(wal.namespace('films'), {
        ...{ keys: 40, perKey: 60 },
        acknowledged: (count) => {
          const move = count % 500 === 0 ? moves.shift() : undefined
          if (move !== undefined) moving = moving.then(move)
        },
      })
      await moving
      await wal.drain({ timeout: '60s' })
      const { repeated, ...wrong } = reportDelivery(written, target.applied)
      expect({ name, ...wrong, overlaps: target.overlaps }).toEqual({
        ...{ name, lost: [], unknown: [], outOfOrder: [], overlaps: 0 },
      })
      expect([...target.rows.values()].filter(({ n }) => n !== 59)).toEqual([])
      await annotate(
        `${name}: ${written.length} written, ${unknown} unknown and ${refused} refused at first, ${repeated.length} applied again`,
      )
      await wal.close()
    }),
  )
})

test('a partition without a leader holds up no writes to others, nor through @platformatic/kafka their reading or a start, and goes on once it has one', async ({
  annotate,
}) => {
  const runs = await Promise.all(
    clientNames.map(async (name) => {
      const topic = `leaderless-${randomUUID()}`
      const target = new WatchfulTarget()
      const wal = await walOn(name, topic, target)
      await lead(topic, [1, 2])
      await wal.start()
      const [led, lost] = keysOf(topic) as [string, string]
      for (const key of [led, lost]) await wal.write('films', { key, payload: { n: 0 } })
      await wal.drain({ timeout: '20s' })
      return { name, topic, wal, target, led, lost }
    }),
  )
  await second.kill()
  for (const { topic } of runs)
    await expect.poll(() => leadersOf(topic), { timeout: 20_000 }).toEqual([1, -1])
  const asked = await Promise.all(
    runs.map(async ({ name, wal, target, led, lost }) => {
      const stuck: Receipt[] = []
      const tryThrice = async (): Promise<void> => {
        while (stuck.length < 3) {
          const again = stuck[0] && { id: stuck[0].id, version: stuck[0].version }
          stuck.push(await wal.tryWrite('films', { key: lost, payload: { n: 1 }, ...again }))
        }
      }
      // Many are under way as the other is given up, and each of these counts.
      const writer = async (): Promise<readonly string[]> => {
        const outcomes: string[] = []
        while (stuck.length < 3) {
          await sleep(5)
          const { durable } = await wal.tryWrite('films', { key: led, payload: { n: 1 } })
          outcomes.push(durable)
        }
        return outcomes
      }
      const writing = [tryThrice(), ...Array.from({ length: 20 }, writer)]
      const outcomes = (await Promise.all(writing)).flatMap((of) => of ?? [])
      const count = (): number => target.applied.filter(({ key }) => key === led).length
      // A member of kafkajs begins again, and cannot without the leaders of all partitions.
      if (name !== 'kafkajs')
        await expect.poll(count, { timeout: 10_000 }).toBeGreaterThanOrEqual(1 + outcomes.length)
      expect([name, new Set(outcomes)]).toEqual([name, new Set(['yes'])])
      expect([name, ...stuck.map(({ durable }) => durable)]).not.toContain('yes')
      const [{ id, version } = { id: '', version: 0n }] = stuck
      const thrice = stuck.map(({ durable }) => durable).join(', ')
      await annotate(`${name}: ${outcomes.length} others stored meanwhile, the one ${thrice}`)
      return { id, version }
    }),
  )
  // Whoever begins now has topics of its own, whatever others have lost. kafkajs asks for all of the cluster's.
  const begun = await walOn('@platformatic/kafka', `made-${randomUUID()}`, new WatchfulTarget())
  await begun.write('films', { key: 'a film', payload: { n: 0 } })
  await begun.close()
  // So it is waited for, longer than by the client.
  const retry = { initialRetryTime: 100, retries: 2 }
  const brief = new Kafka({ brokers: [first.address], logLevel: logLevel.NOTHING, retry })
  const waiting = walOn('kafkajs', `waited-${randomUUID()}`, new WatchfulTarget(), brief)
  let isWaiting = true
  const ended = waiting.finally(() => {
    isWaiting = false
  })
  await Promise.race([ended, sleep(1_500)])
  expect(isWaiting).toBe(true)
  await second.start()
  await (await waiting).close()
  for (const [at, { wal, target, lost }] of runs.entries()) {
    const write = () => wal.tryWrite('films', { key: lost, payload: { n: 1 }, ...asked[at] })
    await expect.poll(async () => (await write()).durable, { timeout: 40_000 }).toBe('yes')
    await wal.drain({ timeout: '30s' })
    expect(target.rows.get(lost)?.n).toBe(1)
    expect(target.overlaps).toBe(0)
    await wal.close()
  }
})

// needs: kafka

import { randomUUID } from 'node:crypto'
import {
  type Clock,
  createWal,
  defineTarget,
  fanOut,
  permanent,
  type RetentionAtRiskEvent,
  systemClock,
  type,
} from '@daybook/core'
import { scaledClock } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

interface Film {
  readonly n: number
}

function queueFor(name: ClientName, topic: string) {
  return kafkaQueue({
    client: clientFor(name, kafka.address),
    topic,
    partitions: 2,
    allowUnderReplicated: true,
  })
}

test.concurrent.for(clientNames)(
  'a key waits behind its dead letter, also for another process, until that is redriven, through %s',
  async (name, { expect, onTestFinished }) => {
    const topic = `blocked-${randomUUID()}`
    const applied: string[] = []
    let isMended = false
    const open = async () => {
      const store = defineTarget.each<Film>(
        async ({ key, payload }) => {
          if (key === 'bad' && payload?.n === 1 && !isMended) throw permanent('bad_film', 'No.')
          applied.push(`${key} ${payload?.n}`)
        },
        { idempotency: 'id' },
      )
      const wal = await createWal({
        namespaces: {
          films: fanOut({
            payload: type<Film>(),
            queue: queueFor(name, topic),
            targets: { store },
            onDeadLetter: 'block',
          }),
        },
      })
      onTestFinished(() => wal.close({ timeout: '5s' }))
      return wal
    }
    const first = await open()
    for (let n = 1; n <= 3; n++) {
      for (const key of ['bad', 'good']) await first.write('films', { key, payload: { n } })
    }
    await first.start()
    const others = ['good 1', 'good 2', 'good 3']
    const blocked = { dead: 1, delivery: { blockedKeys: 1 } }
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual(others)
    const store = async (wal: typeof first) => {
      return (await wal.status()).namespaces.films.targets.store
    }
    await expect.poll(() => store(first), { timeout: 20_000 }).toMatchObject(blocked)
    await first.close()
    const second = await open()
    await second.start()
    await second.write('films', { key: 'good', payload: { n: 4 } })
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual([...others, 'good 4'])
    await expect.poll(() => store(second), { timeout: 20_000 }).toMatchObject(blocked)
    isMended = true
    await second.namespace('films').deadLetters.redrive('all')
    const all = [...others, 'good 4', 'bad 1', 'bad 2', 'bad 3']
    await expect.poll(() => applied, { timeout: 20_000 }).toEqual(all)
    await expect
      .poll(() => store(second), { timeout: 20_000 })
      .toMatchObject({ dead: 0, delivery: { blockedKeys: 0 } })
  },
)

test.concurrent.for(clientNames)(
  'a delay of three seconds is never cut short, through %s',
  async (name, { annotate, expect, onTestFinished }) => {
    const lateness: number[] = []
    const store = defineTarget<Film>(
      async (records) => {
        const now = Date.now()
        for (const { dueAt } of records) lateness.push(now - (dueAt ?? 0))
      },
      { idempotency: 'id' },
    )
    const wal = await createWal({
      namespaces: {
        films: fanOut({
          payload: type<Film>(),
          queue: queueFor(name, `later-${randomUUID()}`),
          targets: { store },
        }),
      },
    })
    onTestFinished(() => wal.close({ timeout: '5s' }))
    await wal.start()
    for (let n = 0; n < 20; n++) {
      await wal.write('films', { key: `film ${n}`, payload: { n }, delay: '3s' })
    }
    await expect.poll(() => lateness, { timeout: 30_000 }).toHaveLength(20)
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0)
    // Each was sent on once, when it was due.
    const { total, perSecond } = (await wal.status()).namespaces.films.hops
    expect(total).toBe(20)
    expect(perSecond).toBeGreaterThan(0)
    const sorted = lateness.sort((a, b) => a - b)
    await annotate(`${name}: late by ${sorted[10]} ms in the middle, ${sorted[19]} ms at most`)
  },
)

test.concurrent.for(clientNames)(
  'a target that leaves a record undone for half of the retention is told of once, through %s',
  async (name, { expect, onTestFinished }) => {
    const risks: RetentionAtRiskEvent[] = []
    let letGo = (): void => {}
    const isFree = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const slow = defineTarget<Film>(() => isFree, { idempotency: 'id' })
    const quick = defineTarget<Film>(async () => {}, { idempotency: 'id' })
    const wal = await createWal({
      namespaces: {
        films: fanOut({
          payload: type<Film>(),
          queue: queueFor(name, `kept-${randomUUID()}`),
          targets: { slow, quick },
          retention: { time: '4s' },
        }),
      },
    })
    onTestFinished(() => wal.close({ timeout: '5s' }))
    wal.on('retentionAtRisk', (event) => risks.push(event))
    await wal.start()
    await wal.write('films', { key: 'a film', payload: { n: 1 } })
    await expect.poll(() => risks, { timeout: 20_000 }).toHaveLength(1)
    expect(risks).toEqual([
      { namespace: 'films', target: 'slow', waitedMs: expect.any(Number), retentionMs: 4_000 },
    ])
    expect(risks[0]?.waitedMs).toBeGreaterThanOrEqual(2_000)
    letGo()
    await wal.drain({ timeout: '10s' })
    expect(risks).toHaveLength(1)
  },
)

test.concurrent.for(clientNames)(
  'a delay of twenty minutes goes down the tiers and is not cut short, by a clock that runs faster, through %s',
  async (name, { annotate, expect, onTestFinished }) => {
    const factor = 300
    const clock = scaledClock(factor)
    const lateness: number[] = []
    const store = defineTarget<Film>(
      async (records) => {
        for (const { dueAt } of records) lateness.push(clock.now() - (dueAt ?? 0))
      },
      { idempotency: 'id' },
    )
    const topic = `twenty-${randomUUID()}`
    const open = (clock: Clock, timeout: number) =>
      createWal({
        clock,
        namespaces: {
          films: fanOut({
            payload: type<Film>(),
            queue: kafkaQueue({
              ...{ client: clientFor(name, kafka.address), topic, partitions: 2 },
              ...{ allowUnderReplicated: true, sendTimeoutMs: timeout },
            }),
            targets: { store },
            ...{ writeTimeout: timeout, applyTimeout: timeout },
          }),
        },
      })
    // The broker takes its own time to make topics.
    await (await open(systemClock, 30_000)).close()
    const wal = await open(clock, 30_000 * factor)
    // kafkajs tries a commit that failed again by its own clock, after 300 ms and more.
    onTestFinished(() => wal.close({ timeout: 20_000 * factor }))
    await wal.start()
    for (let n = 0; n < 10; n++) {
      await wal.write('films', { key: `film ${n}`, payload: { n }, delay: '20m' })
    }
    await expect.poll(() => lateness, { timeout: 30_000 }).toHaveLength(10)
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0)
    // Down from ten minutes by one minute and ten seconds at least, and then out.
    expect((await wal.status()).namespaces.films.hops.total).toBeGreaterThanOrEqual(10 * 4)
    const latestMs = Math.max(...lateness) / factor
    await annotate(`${name}: late by at most ${latestMs.toFixed()} ms of this machine's clock`)
  },
)

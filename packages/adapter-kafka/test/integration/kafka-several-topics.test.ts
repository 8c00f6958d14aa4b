// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, fanOut, permanent, type, type WalRecord } from '@daybook/core'
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

/** Remembers what it applied, by key; what is broken is applied to nothing. */
class FilmTable {
  readonly idempotency = 'id'
  readonly byKey = new Map<string, number[]>()
  broken: string | undefined

  async apply(records: readonly WalRecord<Film>[]) {
    return records.map(({ key = '', payload }) => {
      if (key === this.broken) return permanent('broken', 'No such film.')
      const applied = this.byKey.get(key) ?? []
      applied.push(payload?.n ?? -1)
      this.byKey.set(key, applied)
      return { status: 'applied' as const }
    })
  }
}

async function walOn(name: ClientName, topic: readonly string[], store: FilmTable) {
  const client = clientFor(name, kafka.address)
  const queue = kafkaQueue({ client, topic, partitions: 2, allowUnderReplicated: true })
  return createWal({
    namespaces: { films: fanOut({ payload: type<Film>(), queue, targets: { store } }) },
  })
}

const keys = Array.from({ length: 40 }, (_, n) => `film ${n}`)

test.concurrent.for(clientNames)(
  'several topics are one queue: order of each key, delays, dead letters, status and replay, through %s',
  async (name, { expect, onTestFinished }) => {
    const id = randomUUID()
    const topics = [`films-${id}`, `more-films-${id}`]
    const store = new FilmTable()
    store.broken = 'film 7'
    const writer = await walOn(name, topics, new FilmTable())
    onTestFinished(() => writer.close({ timeout: '5s' }))
    const films = writer.namespace('films')
    for (const n of [1, 2, 3]) {
      await films.writeMany(keys.map((key) => ({ key, payload: { n } })))
    }
    await films.writeMany(keys.map((key) => ({ key, payload: { n: 4 }, delay: '1s' })))
    const admin = await clientFor(name, kafka.address).admin()
    onTestFinished(() => admin.close())
    const sizes = topics.map(async (topic) => {
      const bounds = await admin.bounds(topic)
      return bounds.map(({ next }) => next)
    })
    const [first = [], second = []] = await Promise.all(sizes)
    for (const size of [...first, ...second]) expect(size).toBeGreaterThan(0)

    const wal = await walOn(name, topics, store)
    onTestFinished(() => wal.close({ timeout: '5s' }))
    await wal.start()
    const good = keys.filter((key) => key !== 'film 7')
    const whole = (numbers: readonly number[]) => new Map(good.map((key) => [key, [...numbers]]))
    await expect.poll(() => store.byKey, { timeout: 20_000 }).toEqual(whole([1, 2, 3, 4]))
    const status = async () => (await wal.status()).namespaces.films.targets.store
    await expect
      .poll(status, { timeout: 20_000 })
      .toMatchObject({ pending: 0, delayed: 0, dead: 4 })

    store.broken = undefined
    const { redriven } = await wal.namespace('films').deadLetters.redrive('all')
    expect(redriven).toHaveLength(4)
    await expect.poll(() => store.byKey.get('film 7')?.length, { timeout: 20_000 }).toBe(4)

    store.byKey.clear()
    const report = await wal.namespace('films').replay({ target: 'store', force: true })
    expect(report.complete).toBe(true)
    await expect.poll(status, { timeout: 20_000 }).toMatchObject({ pending: 0 })
    store.byKey.delete('film 7')
    expect(store.byKey).toEqual(whole([1, 2, 3, 4]))
  },
)

// needs: kafka

import { randomUUID } from 'node:crypto'
import { queueTarget, type Target } from '@daybook/core'
import { runConformance, targetConformance } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { expectKept } from '../../../../tests/support/expect-kept.ts'
import { archiveOn, type Film, topicQueue } from '../support/archive.ts'
import { clientNames } from '../support/clients.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

const inOrder = 'ends in the state of the versions after redelivery in order'

test.concurrent.for(clientNames)(
  'a topic as a target passes the suite of targets, through %s',
  // The one of all tests polls for whichever began last, and not once that has ended.
  async (name, { expect }) => {
    const place = { name, broker: kafka.address, topic: `forwarded-${randomUUID()}` }
    const archive = await archiveOn(place)
    const forwarding = queueTarget<Film>({ queue: topicQueue(place), namespace: 'films' })
    await forwarding.open?.()
    let stores = 0
    const casesOf = (runs: number, seed: number) =>
      targetConformance<Film>({
        create: () => storeOf(`${++stores}`),
        put: (key, number) => ({ title: `${key} ${number}`, year: number }),
        patch: (_key, number) => ({ year: 2000 + number }),
        ...{ seed, runs, patienceMs: 30_000 },
      })
    const seed = Number(process.env['DAYBOOK_SEED']) + 100_000 * clientNames.indexOf(name)
    expectKept(await runConformance(casesOf(1, seed), { concurrency: 16 }))
    // Through both clients together: five hundred histories.
    const lanes = Array.from({ length: 32 }, (_, lane) => casesOf(8, seed + lane * 8))
    const histories = lanes.flatMap((cases) => cases.filter((one) => one.name === inOrder))
    expect(histories).toHaveLength(lanes.length)
    expectKept(await runConformance(histories, { concurrency: lanes.length }))
    await forwarding.close?.()
    await archive.wal.close()

    /** One topic for all cases: each has keys of its own. */
    function storeOf(store: string) {
      const sent = new Set<string>()
      const target: Target<Film> = {
        idempotency: forwarding.idempotency,
        largestBatch: forwarding.largestBatch,
        async apply(records, context) {
          for (const { id } of records) sent.add(id)
          const own = records.map((record) => ({ ...record, key: `${store} ${record.key}` }))
          return forwarding.apply(own, context)
        },
      }
      const read = async (key: string) => {
        const isThere = (): boolean => [...sent].every((id) => archive.came.has(id))
        await expect.poll(isThere, { timeout: 15_000, interval: 5 }).toBe(true)
        return archive.rows.get(`${store} ${key}`)
      }
      return { target, read }
    }
  },
)

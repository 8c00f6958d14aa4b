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

test.concurrent.for(clientNames)(
  'a topic as a target passes the suite of targets, through %s',
  // The one of all tests polls for whichever began last, and not once that has ended.
  async (name, { expect }) => {
    const place = { name, broker: kafka.address, topic: `forwarded-${randomUUID()}` }
    const archive = await archiveOn(place)
    const forwarding = queueTarget<Film>({ queue: topicQueue(place), namespace: 'films' })
    await forwarding.open?.()
    let stores = 0
    const cases = targetConformance<Film>({
      create: () => storeOf(`${++stores}`),
      put: (key, number) => ({ title: `${key} ${number}`, year: number }),
      patch: (_key, number) => ({ year: 2000 + number }),
      ...{ seed: Number(process.env['DAYBOOK_SEED']), patienceMs: 15_000, runs: 8 },
    })
    expectKept(await runConformance(cases, { concurrency: 16 }))
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

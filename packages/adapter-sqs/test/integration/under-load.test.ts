// needs: sqs

import { type Service, tcpProxy } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { memoryServer } from '../support/memory-server.ts'
import { connect, createQueue, disconnectAll, writeSurely } from '../support/server-queues.ts'
import { watchedWal } from '../support/watched-wal.ts'
import { expectWhole } from '../support/watchful-target.ts'

// How many the local server stores, hands out and deletes in some ten seconds.
const contests = [
  { name: 'standard', records: 3_000, isFifo: false },
  { name: 'loaded.fifo', records: 1_200, isFifo: true },
]
const quick = { waitMs: 1_000, visibilityMs: 3_000, requestTimeoutMs: 1_500 }

let sqs: Service

beforeEach(async () => {
  sqs = await memoryServer()
  await sqs.reset()
})
afterEach(disconnectAll)

/** A queue under load at that address: it is written and consumed until `whole` resolves. */
async function load({ name, records, isFifo }: (typeof contests)[number], address: string) {
  const queueUrl = (await createQueue(sqs.address, name)).replace(sqs.address, address)
  const { wal, target } = await watchedWal({ client: connect(address), queueUrl, ...quick })
  const writing = writeSurely(wal, 0, records, { keys: 50 })
  return {
    ...{ target, isFifo, wal },
    until: (share: number) =>
      expect.poll(() => target.distinct >= records * share, { timeout: 60_000 }).toBe(true),
    whole: async () => {
      const written = await writing
      // What was on its way out as the fault came is hidden for a while: a drain would not see it.
      await expect.poll(() => target.distinct, { timeout: 60_000 }).toBe(records)
      await wal.close()
      return written
    },
  }
}

test('thousands of records over a connection that is slow, cut and black-holed are all applied, in order', async () => {
  await using proxy = await tcpProxy({ host: sqs.host, port: sqs.port })
  const loads = await Promise.all(contests.map((contest) => load(contest, proxy.address)))
  const reached = (share: number) => Promise.all(loads.map(({ until }) => until(share)))
  await reached(0.2)
  proxy.cut()
  await reached(0.3)
  proxy.delay(100)
  await reached(0.4)
  proxy.hold()
  // Longer than the leases last.
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  proxy.cut()
  await proxy.heal()
  for (const { whole, target, isFifo } of loads) expectWhole(await whole(), target, { isFifo })
})

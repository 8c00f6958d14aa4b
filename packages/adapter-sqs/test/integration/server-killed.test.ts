// needs: sqs

import type { Identified } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect, createQueue, disconnectAll, writeSurely } from '../support/server-queues.ts'
import { idleWal, watchedWal } from '../support/watched-wal.ts'
import { expectWhole } from '../support/watchful-target.ts'

/** Records are written for so long, in ms, and as many as the local server takes until then. */
const writingMs = 10_000

interface Contest {
  readonly name: string
  /** Records written however slow the machine is, and at most. */
  readonly least: number
  readonly most: number
}

const contests: readonly Contest[] = [
  { name: 'standard', least: 1_000, most: 20_000 },
  { name: 'loaded.fifo', least: 500, most: 20_000 },
]
/** Written while those before are applied: more would only wait in the queue. */
const mostBehind = 1_000
/** A machine that is busy with other things takes several times as long as one that is not. */
const patienceMs = 90_000
// On a busy machine an answer may take seconds, and where it takes longer than this nothing is ever done.
const quick = { waitMs: 1_000, visibilityMs: 6_000, requestTimeoutMs: 4_000 }

let sqs: Service

beforeEach(async () => {
  sqs = await service('sqs')
  await sqs.reset()
})
afterEach(disconnectAll)

/** A queue under load at that address: it is written and consumed until `whole` resolves. */
async function load({ name, least, most }: Contest, address: string) {
  const queueUrl = await createQueue(address, name)
  const { wal, target } = await watchedWal({ client: connect(address), queueUrl, ...quick })
  const endsAt = Date.now() + writingMs
  const written: Identified[] = []
  const applied = (count: () => number) =>
    expect.poll(() => target.distinct >= count(), { timeout: patienceMs }).toBe(true)
  const writing = (async () => {
    while (written.length < least || (written.length < most && Date.now() < endsAt)) {
      const from = written.length
      written.push(...(await writeSurely(wal, from, from + 250, { keys: 50 })))
      await applied(() => written.length - mostBehind)
    }
  })()
  return {
    target,
    /** So much of the time is over, and so much of the least is applied. */
    until: async (share: number) => {
      await applied(() => least * share)
      const leftMs = endsAt - writingMs * (1 - share) - Date.now()
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, leftMs)))
    },
    whole: async () => {
      await writing
      // What was on its way out as the fault came is hidden for a while: a drain would not see it.
      await applied(() => written.length)
      await wal.close()
      return written
    },
  }
}

// Over a restart ElasticMQ forgets which groups have messages in flight, and what it has read back it hands out by when that
// became visible, to the millisecond: what was in flight, or stored in the same call as another of its group, comes in
// any order (decision 13). Of that only SQS itself, or its model, can tell; of what nobody had, one call after the other, it can.
test('as many records as the server takes are written and consumed over a kill -9 of it, none is lost, and what nobody had comes in order', async () => {
  const queueUrl = await createQueue(sqs.address, 'unread.fifo')
  const unread = await idleWal({ client: connect(sqs.address), queueUrl, ...quick })
  const kept = await writeSurely(unread.wal, 0, 100, { keys: 20 })
  const loads = await Promise.all(contests.map((contest) => load(contest, sqs.address)))
  await Promise.all(loads.map(({ until }) => until(0.4)))
  await sqs.kill()
  await sqs.start()
  // How many it were depends on the machine.
  for (const { whole, target } of loads) expectWhole(await whole(), target, { isFifo: false })
  await unread.wal.start()
  await expect.poll(() => unread.target.distinct, { timeout: patienceMs }).toBe(kept.length)
  await unread.wal.close()
  expectWhole(kept, unread.target, { isFifo: true })
}, 300_000)

// needs: sqs

import type { Identified } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect, createQueue, disconnectAll, writeSurely } from '../support/server-queues.ts'
import { watchedWal } from '../support/watched-wal.ts'
import { expectWhole } from '../support/watchful-target.ts'

/** Records are written for so long, in ms, and as many as the local server takes until then. */
const writingMs = 20_000

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

// ElasticMQ forgets over a restart which groups have messages in flight, and hands them out in another
// order: of order only SQS itself, or its model, can tell here.
test('as many records as the server takes are written and consumed over a kill -9 of it, and none is lost', async () => {
  const loads = await Promise.all(contests.map((contest) => load(contest, sqs.address)))
  await Promise.all(loads.map(({ until }) => until(0.4)))
  await sqs.kill()
  await sqs.start()
  for (const [at, { whole, target }] of loads.entries()) {
    const written = await whole()
    // How many it were depends on the machine.
    process.stdout.write(`${contests[at]?.name}: ${written.length} records\n`)
    expectWhole(written, target, { isFifo: false })
  }
}, 300_000)

// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, fanOut, type } from '@daybook/core'
import { reportDelivery } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { afterAll, beforeAll, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { Crew, overlapsOf } from '../support/crew.ts'
import { keyedWriters, WatchfulTarget } from '../support/keyed-writers.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** Writes, and consumes nothing. */
async function writerOn(name: ClientName, topic: string) {
  const client = clientFor(name, kafka.address)
  const queue = kafkaQueue({ client, topic, allowUnderReplicated: true })
  const targets = { store: new WatchfulTarget() }
  return createWal({
    namespaces: { films: fanOut({ payload: type<{ n: number }>(), queue, targets }) },
  })
}

test.concurrent.for(clientNames)(
  'consumers that join, leave and are killed under load lose no record, keep the order of each key, and apply none after its partition was taken from them, through %s',
  async (name, { annotate, expect, onTestFinished }) => {
    const topic = `crew-${randomUUID()}`
    const wal = await writerOn(name, topic)
    const crew = new Crew(name, kafka.address, topic)
    onTestFinished(() => crew.kill())
    const first = await crew.start()
    const writing = keyedWriters(wal.namespace('films'), { keys: 100, perKey: 60 })
    await crew.until(500)
    const second = await crew.start()
    await crew.until(1_500)
    const third = await crew.start()
    await crew.until(2_000)
    first.kill('SIGKILL')
    await crew.until(3_000)
    await crew.leave(second)
    const { written } = await writing
    await crew.until(written.length)
    // One that leaves without a word is waited for until its session is over.
    await crew.leave(third)
    await wal.close()
    // What two processes say may arrive in another order than that in which it happened.
    const inTurn = crew.applied.toSorted((a, b) => a.begin - b.begin)
    const { lost, unknown, outOfOrder } = reportDelivery(written, inTurn)
    expect({ lost, unknown, outOfOrder }).toEqual({ lost: [], unknown: [], outOfOrder: [] })
    expect(crew.applied.filter(({ isOwn }) => !isOwn)).toEqual([])
    // An application that was under way at a handover may meet with the first of the next owner.
    const overlaps = overlapsOf(crew.applied)
    expect(overlaps.filter(([before, next]) => before.pid === next.pid)).toEqual([])
    const longestMs = Math.max(0, ...overlaps.map(([before, next]) => before.end - next.begin))
    await annotate(
      `${name}: of ${crew.applied.length} applications ${overlaps.length} met with one of another process at a handover, for at most ${longestMs.toFixed(1)} ms`,
    )
  },
)

test.concurrent.for(clientNames)(
  'a process that is killed between sending a delayed record on and committing that loses none, through %s',
  async (name, { expect, onTestFinished }) => {
    const topic = `halfway-${randomUUID()}`
    const wal = await writerOn(name, topic)
    const crew = new Crew(name, kafka.address, topic)
    onTestFinished(() => crew.kill())
    const written: string[] = []
    for (let n = 0; n < 30; n++) {
      const key = `film ${n}`
      const { id } = await wal.write('films', { key, payload: { n }, delay: '2s' })
      written.push(id)
    }
    const dead = await crew.start('dies')
    expect(dead.signalCode).toBe('SIGKILL')
    const next = await crew.start()
    await crew.until(written.length)
    await crew.leave(next)
    await wal.close()
    expect(new Set(crew.applied.map(({ id }) => id))).toEqual(new Set(written))
  },
)

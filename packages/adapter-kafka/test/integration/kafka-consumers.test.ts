// needs: kafka

import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createWal, fanOut, type } from '@daybook/core'
import { reportDelivery } from '@daybook/core/testing'
import { type Service, service } from '@daybook/services'
import { Kafka, logLevel } from 'kafkajs'
import { afterAll, beforeAll, test } from 'vitest'
import {
  type KafkaCommit,
  type KafkaGroup,
  type KafkaPlace,
  kafkajs,
  kafkaQueue,
} from '../../src/index.ts'
import { isHandover } from '../../src/kafka-errors.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { awaitCoordinator } from '../support/coordinator.ts'
import { Crew, overlapsOf, rowsOf } from '../support/crew.ts'
import { keyedWriters, WatchfulTarget, type Written } from '../support/keyed-writers.ts'
import { resetPatiently } from '../support/reset.ts'

let kafka: Service

beforeAll(async () => {
  kafka = await service('kafka')
  await awaitCoordinator(kafka.address)
})
afterAll(async () => {
  await resetPatiently(kafka)
})

/** A member that was killed is taken out once its session is over. */
const patiently = { timeout: 40_000, interval: 200 }

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
    const [keys, perKey] = [100, 60]
    const writing = keyedWriters(wal.namespace('films'), { keys, perKey })
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
    // Nothing is stuck. One that left without a word is waited for until its session is over.
    const uncommitted = () => crew.uncommitted(`daybook.${topic}.store`, topic)
    await expect.poll(uncommitted, patiently).toEqual(Array.from({ length: 6 }, () => 0))
    await crew.leave(third)
    await wal.close()
    // What two processes say may arrive in another order than that in which it happened.
    const inTurn = crew.applied.toSorted((a, b) => a.begin - b.begin)
    const { lost, unknown, outOfOrder, repeated } = reportDelivery(written, inTurn)
    expect({ lost, unknown, outOfOrder }).toEqual({ lost: [], unknown: [], outOfOrder: [] })
    // Repeats are allowed, but not of everything, and change nothing in a store that guards by version.
    expect(repeated.length).toBeLessThan(written.length / 2)
    const rows = Array.from({ length: keys }, (_, at) => [`key ${at}`, perKey - 1] as const)
    expect(rowsOf(inTurn)).toEqual(new Map(rows))
    expect(crew.applied.filter(({ isOwn }) => !isOwn)).toEqual([])
    // An application that was under way at a handover may meet with the first of the next owner.
    const overlaps = overlapsOf(crew.applied)
    expect(overlaps.filter(([before, next]) => before.pid === next.pid)).toEqual([])
    const longestMs = Math.max(0, ...overlaps.map(([before, next]) => before.end - next.begin))
    await annotate(
      `${name}: of ${crew.applied.length} applications ${repeated.length} were repeats; ${overlaps.length} met with one of another process at a handover, for at most ${longestMs.toFixed(1)} ms`,
    )
  },
)

test.concurrent.for(clientNames)(
  'a process that is killed between sending a delayed record on and committing that loses none, through %s',
  async (name, { annotate, expect, onTestFinished }) => {
    const topic = `halfway-${randomUUID()}`
    const wal = await writerOn(name, topic)
    const crew = new Crew(name, kafka.address, topic)
    onTestFinished(() => crew.kill())
    const written: Written[] = []
    for (let n = 0; n < 30; n++) {
      const key = `film ${n}`
      const { id } = await wal.write('films', { key, payload: { n }, delay: '2s' })
      written.push({ id, key })
    }
    const dead = await crew.start('dies')
    expect(dead.signalCode).toBe('SIGKILL')
    const next = await crew.start()
    await crew.until(written.length)
    const uncommitted = async () => [
      ...(await crew.uncommitted(`daybook.${topic}.delays`, `${topic}.delays`)),
      ...(await crew.uncommitted(`daybook.${topic}.store`, topic)),
    ]
    await expect.poll(uncommitted, patiently).toEqual(Array.from({ length: 7 + 6 }, () => 0))
    await crew.leave(next)
    await wal.close()
    const { repeated, ...wrong } = reportDelivery(written, crew.applied)
    expect(wrong).toEqual({ lost: [], unknown: [], outOfOrder: [] })
    expect(rowsOf(crew.applied)).toEqual(new Map(written.map(({ key }, n) => [key, n])))
    expect(overlapsOf(crew.applied).filter(([before, next]) => before.pid === next.pid)).toEqual([])
    // What was sent on and not committed is sent on once more; and of the first copies the dead one may have applied
    // some that the next applies again. So each comes three times at most.
    expect(repeated.length).toBeLessThanOrEqual(written.length * 2)
    await annotate(
      `${name}: of ${crew.applied.length} applications ${repeated.length} were repeats`,
    )
  },
)

test.concurrent('a process ends by itself whose member left through @platformatic/kafka while its group was made anew', async ({
  expect,
  onTestFinished,
}) => {
  const admin = await clientFor('@platformatic/kafka', kafka.address).admin()
  const program = new URL('../support/leaver-child.ts', import.meta.url)
  const endAfter = async (delayMs: number) => {
    const topic = `left-${randomUUID()}`
    await admin.create([{ topic, partitions: 2, replicas: 1, settings: new Map() }])
    await expect.poll(async () => (await admin.topic(topic))?.hasLeaders).toBe(true)
    const child = fork(program, [kafka.address, topic, `${delayMs}`], {
      execArgv: ['--conditions=source', '--no-warnings'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    // It takes two seconds, or several times that on a busy machine; what it must not do is to stay for ever.
    const late = sleep(80_000, ['is still there'], { ref: false })
    const [code] = await Promise.race([once(child, 'exit'), late])
    return [delayMs, code]
  }
  // The answer to its join comes before it leaves, meanwhile, and after.
  const delays = [0, 5, 20, 60]
  const ends = await Promise.all(delays.map(endAfter))
  await admin.close()
  expect(ends).toEqual(delays.map((delayMs) => [delayMs, 0]))
})

interface Member {
  readonly group: KafkaGroup
  readonly places: readonly KafkaPlace[]
}

/** A client that tries a commit a second time, so long after the first that the group has changed meanwhile. */
function clientThatTriesLater() {
  const retry = { initialRetryTime: 12_000, factor: 0, retries: 1 }
  return kafkajs(new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING, retry }))
}

async function memberOf(group: string, topic: string): Promise<Member> {
  let places: readonly KafkaPlace[] = []
  const joined = await clientThatTriesLater().group(
    { group, topics: [topic], sessionTimeoutMs: 6_000 },
    {
      assigned: (given) => {
        places = given
      },
      rebalancing: () => {},
      entries: () => {},
      failed: () => {},
    },
  )
  return {
    group: joined,
    get places() {
      return places
    },
  }
}

test.concurrent('a commit that kafkajs tries again does not count for a partition that another has by then', async ({
  expect,
}) => {
  const timeout = 20_000
  const topic = `handed-over-${randomUUID()}`
  const admin = await clientThatTriesLater().admin()
  await admin.create([{ topic, partitions: 2, replicas: 1, settings: new Map() }])
  await expect.poll(async () => (await admin.topic(topic))?.hasLeaders, { timeout }).toBe(true)
  const first = await memberOf(topic, topic)
  await expect.poll(() => first.places.length, { timeout }).toBe(2)
  const at = (place: KafkaPlace, offset: number): KafkaCommit => {
    return { ...place, offset, metadata: '' }
  }
  // A topic that is not there is what the client takes for temporary. The rest is stored.
  const nowhere = { topic: `${topic}-missing`, partition: 0 }
  const commit = first.group.commit([...first.places.map((place) => at(place, 5)), at(nowhere, 1)])
  const settled = commit.then(
    () => undefined,
    (error: unknown) => error,
  )
  const committed = async () =>
    [...(await admin.committed(topic, topic)).values()].map(({ offset }) => offset).sort()
  await expect.poll(committed, { timeout }).toEqual([5, 5])

  const second = await memberOf(topic, topic)
  const counts = () => [first.places.length, second.places.length]
  await expect.poll(counts, { timeout }).toEqual([1, 1])
  await second.group.commit(second.places.map((place) => at(place, 9)))
  const failure = await settled
  expect(await committed()).toEqual([5, 9])
  expect(isHandover(failure)).toBe(true)
  await Promise.all([first.group.close(), second.group.close(), admin.close()])
})

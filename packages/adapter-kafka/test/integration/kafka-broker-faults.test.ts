// needs: own kafka

import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createWal, fanOut, systemRandom, type, type Wal } from '@daybook/core'
import { makeStoredRecord, reportDelivery, scaledClock } from '@daybook/core/testing'
import { type Service, service, type TcpProxy, tcpProxy } from '@daybook/services'
import { Admin } from '@platformatic/kafka'
import { afterAll, beforeAll, type ExpectStatic, expect, type TestContext, test } from 'vitest'
import { type KafkaSender, kafkaQueue } from '../../src/index.ts'
import { isRefusal } from '../../src/kafka-errors.ts'
import { platformatic } from '../../src/platformatic/index.ts'
import { forwardingPair } from '../support/archive.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { keyedWriters, WatchfulTarget } from '../support/keyed-writers.ts'
import type { WriterMessage } from '../support/writer-child.ts'

let kafka: Service
let proxied: Service
let proxy: TcpProxy

// Brokers of their own: members that one forgot as it died are waited for before it can be emptied. One
// after the other, for two that start at once might choose the same ports.
beforeAll(async () => {
  kafka = await service('kafka', { instance: 'killed' })
  proxy = await tcpProxy()
  proxied = await service('kafka', { instance: 'proxied', advertised: proxy.address })
  proxy.to({ host: proxied.host, port: proxied.ports['proxied'] ?? 0 })
})
afterAll(async () => {
  await proxied.remove()
  await proxy[Symbol.asyncDispose]()
  await kafka.remove()
})

async function walOn(name: ClientName, broker: string, target: WatchfulTarget) {
  const wal = await createWal({
    namespaces: {
      films: fanOut({
        payload: type<{ n: number }>(),
        queue: kafkaQueue({
          client: clientFor(name, broker),
          topic: `faults-${randomUUID()}`,
          partitions: 3,
          allowUnderReplicated: true,
          sendTimeoutMs: 5_000,
          sessionTimeoutMs: 6_000,
        }),
        targets: { store: target },
      }),
    },
  })
  // The faults are meant; nobody else is to be told of them.
  wal.on('error', () => {})
  return wal
}

async function check(
  name: ClientName,
  wal: Wal,
  target: WatchfulTarget,
  written: readonly { id: string; key: string }[],
  annotate: TestContext['annotate'],
) {
  await wal.drain({ timeout: '60s' })
  const report = reportDelivery(written, target.applied)
  const { lost, unknown, outOfOrder } = report
  expect({ name, lost, unknown, outOfOrder, overlaps: target.overlaps }).toEqual({
    name,
    lost: [],
    unknown: [],
    outOfOrder: [],
    overlaps: 0,
  })
  // Repeats are allowed, but not of everything, and change nothing where versions are compared.
  expect(report.repeated.length).toBeLessThan(written.length / 2)
  const keys = new Set(written.map(({ key }) => key))
  const last = written.length / keys.size - 1
  expect([...target.rows].filter(([, { n }]) => n !== last)).toEqual([])
  expect(target.rows.size).toBe(keys.size)
  await annotate(
    `${name}: of ${target.applied.length} applications ${report.repeated.length} were repeats`,
  )
}

test.concurrent('a broker killed while 20,000 records are written and applied loses none, nor any that are forwarded to it', async ({
  annotate,
  expect,
}) => {
  const pairs = await Promise.all(
    clientNames.map((name) =>
      forwardingPair({ name, broker: kafka.address, topic: `forwarded-${randomUUID()}` }),
    ),
  )
  for (const { write } of pairs) await write(0, 200)
  const size = (): number => Math.min(...pairs.map(({ archive }) => archive.came.size))
  await expect.poll(size, { timeout: 20_000 }).toBeGreaterThan(50)
  const restart = async (): Promise<void> => {
    await kafka.kill()
    for (const { write } of pairs) await write(200, 400)
    await kafka.start()
  }
  let restarted: Promise<void> | undefined
  await Promise.all(
    clientNames.map(async (name) => {
      const target = new WatchfulTarget()
      const wal = await walOn(name, kafka.address, target)
      await wal.start()
      const { written } = await keyedWriters(wal.namespace('films'), {
        keys: 200,
        perKey: 100,
        acknowledged: (count) => {
          if (count === 5_000) restarted ??= restart()
        },
      })
      await restarted
      expect(written).toHaveLength(20_000)
      await check(name, wal, target, written, annotate)
      await wal.close()
    }),
  )
  await Promise.all(pairs.map((pair) => checkForwarded(expect, pair)))
})

/** All came, as they were written, and none as a dead letter. */
async function checkForwarded(
  expect: ExpectStatic,
  pair: Awaited<ReturnType<typeof forwardingPair>>,
): Promise<void> {
  const { wal, archive, letters, versions, state } = pair
  await wal.drain({ timeout: '60s' })
  await expect.poll(() => archive.came.size, { timeout: 60_000 }).toBe(400)
  expect(letters).toEqual([])
  for (const [id, version] of versions) {
    expect(archive.came.get(id)).toMatchObject({ version, origin: 'eu', namespace: 'films' })
  }
  for (const [key, year] of state) expect(archive.rows.get(key)).toEqual({ year })
  await wal.close()
  await archive.wal.close()
}

test.concurrent('a network that delays, cuts and swallows loses no record, nor any that are forwarded through it', async ({
  annotate,
  expect,
}) => {
  const pairs = await Promise.all(
    clientNames.map((name) =>
      forwardingPair({ name, broker: proxy.address, topic: `forwarded-${randomUUID()}` }),
    ),
  )
  const steps: (() => unknown)[] = [
    () => proxy.delay(30),
    () => proxy.cut(),
    () => proxy.hold('down'),
    () => proxy.heal(),
    () => proxy.cut(),
    () => proxy.hold(),
    () => proxy.cut(),
    () => proxy.heal(),
  ]
  const forwarding: Promise<void>[] = []
  const change = (): void => {
    const step = steps.shift()
    if (step === undefined) return
    const from = 350 - steps.length * 50
    for (const { write } of pairs) forwarding.push(write(from, from + 50))
    step()
  }
  let weather: NodeJS.Timeout | undefined
  await Promise.all(
    clientNames.map(async (name) => {
      const target = new WatchfulTarget()
      const wal = await walOn(name, proxy.address, target)
      await wal.start()
      weather ??= setInterval(change, 1_500)
      const { written } = await keyedWriters(wal.namespace('films'), { keys: 50, perKey: 60 })
      while (steps.length > 0) await new Promise((resolve) => setTimeout(resolve, 200))
      await check(name, wal, target, written, annotate)
      await wal.close()
    }),
  )
  clearInterval(weather)
  await Promise.all(forwarding)
  await Promise.all(pairs.map((pair) => checkForwarded(expect, pair)))
})

test('a process that writes and consumes at a broker that fell silent ends by itself once its wal is closed, through either client', async ({
  onTestFinished,
}) => {
  const program = new URL('../support/writer-child.ts', import.meta.url)
  const children = clientNames.map((name) => {
    const child = fork(program, [name, proxy.address, `silent-${randomUUID()}`], {
      execArgv: ['--conditions=source', '--no-warnings'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const said: WriterMessage[] = []
    child.on('message', (message: WriterMessage) => said.push(message))
    return { name, child, said, exit: once(child, 'exit') }
  })
  const said = () => children.map((one) => one.said)
  await expect.poll(said, { timeout: 30_000 }).toEqual(clientNames.map(() => [{ durable: 'yes' }]))
  proxy.hold()
  for (const { child } of children) child.send('go on')
  const late = sleep(30_000, ['is still there'], { ref: false })
  const ends = await Promise.all(
    children.map(async ({ name, exit }) => [name, (await Promise.race([exit, late]))[0]]),
  )
  await proxy.heal()
  expect(ends).toEqual(clientNames.map((name) => [name, 0]))
  const after = [{ durable: 'yes' }, { durable: 'unknown' }, { event: 'closed' }]
  expect(said()).toEqual(clientNames.map(() => after))
})

test('a batch that was given up is not stored behind newer ones by @platformatic/kafka, whoever shares its producer', async () => {
  const { client, place, messageOf, stored, close } = await partitionBehindProxy()
  // Kept open, as by a batch for another partition that is still under way.
  const first = await client.sender()
  await first.send(place, [messageOf('A')])
  proxy.hold('up')
  const giveUp = new AbortController()
  const late = first.send(place, [messageOf('B')], giveUp.signal).then(
    () => 'stored',
    () => 'given up',
  )
  await sleep(200)
  proxy.cut()
  await proxy.heal()
  giveUp.abort()
  const second = await client.sender()
  await second.send(place, [messageOf('C')])
  expect(await late).toBe('given up')
  // It would have tried again after a second.
  await sleep(2_000)
  expect(await stored()).toEqual(['A', 'C'])
  await Promise.all([first, second].map((sender) => sender.close()))
  await close()
})

test('a batch whose answer is lost is sent again by @platformatic/kafka, and stored once', async () => {
  const { client, place, messageOf, stored, close } = await partitionBehindProxy()
  const sender = await client.sender()
  await sender.send(place, [messageOf('A')])
  proxy.hold('down')
  const sending = sender.send(place, [messageOf('B'), messageOf('C')])
  await sleep(500)
  proxy.cut()
  await proxy.heal()
  // Before it is sent again, which is after a second.
  expect(await stored()).toEqual(['A', 'B', 'C'])
  await sending
  await sender.send(place, [messageOf('D')])
  expect(await stored()).toEqual(['A', 'B', 'C', 'D'])
  await sender.close()
  await close()
})

test('a batch that is refused after a try of which nothing was heard counts not as refused, through @platformatic/kafka', async () => {
  const { place, messageOf, stored, close } = await partitionBehindProxy()
  const brokers = { clientId: 'daybook-test', bootstrapBrokers: [proxy.address] }
  const client = platformatic({ ...brokers, retryDelay: 4_000 })
  const long = messageOf('long '.repeat(400))
  const sent = (sender: KafkaSender) => sender.send(place, [long]).catch((error: unknown) => error)
  const sender = await client.sender()
  await sender.send(place, [messageOf('A')])
  proxy.hold('down')
  const sending = sent(sender)
  await sleep(500)
  proxy.cut()
  await proxy.heal()
  // Before it is sent again the topic takes nothing of its length any more.
  const configs = [{ name: 'max.message.bytes', value: '1000', configOperation: 0 } as const]
  const admin = new Admin(brokers)
  await admin.incrementalAlterConfigs({
    resources: [{ resourceType: 2, resourceName: place.topic, configs }],
  })
  const doubtful = await sending
  expect(String(doubtful)).toMatch(/MESSAGE_TOO_LARGE.*may have been stored/)
  expect(isRefusal(doubtful)).toBe(false)
  const fresh = await client.sender()
  expect(isRefusal(await sent(fresh))).toBe(true)
  expect(await stored()).toEqual(['A', String(long.value)])
  await Promise.all([sender, fresh, admin].map((part) => part.close()))
  await close()
})

/** A topic of one partition on the broker behind the proxy, for @platformatic/kafka. */
async function partitionBehindProxy() {
  const client = clientFor('@platformatic/kafka', proxy.address)
  const topic = `one-partition-${randomUUID()}`
  const admin = await client.admin()
  await admin.create([{ topic, partitions: 1, replicas: 1, settings: new Map() }])
  await expect.poll(async () => (await admin.topic(topic))?.hasLeaders).toBe(true)
  return {
    client,
    place: { topic, partition: 0 },
    messageOf: (text: string) => ({
      ...{ key: null, value: Buffer.from(text), headers: new Map() },
    }),
    async stored(): Promise<readonly string[]> {
      const reader = await client.reader(topic)
      const [{ next } = { next: 0 }] = await admin.bounds(topic)
      const texts: string[] = []
      for await (const entries of reader.read(0, 0, next)) {
        texts.push(...entries.map(({ value }) => String(value)))
      }
      await reader.close()
      return texts
    },
    close: () => admin.close(),
  }
}

test('readings of the past and ahead that fall silent are given up, and can be made again, through either client', async () => {
  const readings = await Promise.all(clientNames.map(silentReading))
  // Of one partition: the other has to be fetched.
  const first = await Promise.all(readings.map(({ read }) => read()))
  proxy.hold()
  const message = expect.stringMatching(/nothing came for 30000 ms/)
  const silent = { code: 'ERR_IO', retryable: true, message }
  await Promise.all(
    readings.flatMap(({ read, ahead }) => [
      expect(read()).rejects.toMatchObject(silent),
      expect(ahead()).rejects.toMatchObject(silent),
    ]),
  )
  await proxy.heal()
  for (const [at, { name, read, ahead, close }] of readings.entries()) {
    const count = (first[at]?.length ?? 0) + ((await read())?.length ?? 0)
    expect([name, count, await ahead()]).toEqual([name, 8, []])
    await close()
  }
})

/** A queue of eight records in two partitions, and two ways to read it outside of its group. */
async function silentReading(name: ClientName) {
  // Half a minute by this clock is a second and a half.
  const factor = 20
  const queue = kafkaQueue({
    ...{ client: clientFor(name, proxy.address), topic: `silent-reading-${randomUUID()}` },
    ...{ partitions: 2, allowUnderReplicated: true, sendTimeoutMs: 30_000 * factor },
  })
  await queue.open({
    ...{ namespace: 'films', targets: ['store'], directory: undefined },
    ...{ clock: scaledClock(factor), random: systemRandom, reportError: () => {} },
  })
  const records = Array.from({ length: 8 }, (_, n) => makeStoredRecord({ key: `film ${n}` }))
  await (await queue.producer()).send(records)
  const consumer = await queue.consumer('store')
  const past = await queue.pastReader?.({ from: undefined, to: undefined })
  const { signal } = new AbortController()
  return {
    name,
    read: async () => past?.read({ maxRecords: 100, maxBytes: 1_000_000, signal }),
    ahead: async () => consumer.pullAhead?.({ wanted: () => false, signal }),
    close: async () => {
      await past?.close()
      await consumer.close()
      await queue.close()
    },
  }
}

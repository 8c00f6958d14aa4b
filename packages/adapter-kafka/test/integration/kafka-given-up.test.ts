// needs: kafka

import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemRandom } from '@daybook/core'
import { makeStoredRecord, scaledClock } from '@daybook/core/testing'
import { type Service, service, type TcpProxy, tcpProxy } from '@daybook/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { clientFor, clientNames } from '../support/clients.ts'
import type { WriterMessage } from '../support/writer-child.ts'

let kafka: Service
let proxy: TcpProxy

beforeAll(async () => {
  proxy = await tcpProxy()
  kafka = await service('kafka', { instance: 'given-up', advertised: proxy.address })
  proxy.to({ host: kafka.host, port: kafka.ports['proxied'] ?? 0 })
})
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await kafka.remove()
})

test.for(clientNames)(
  'a process whose broker fell silent ends by itself once its wal is closed, through %s',
  async (name) => {
    const program = new URL('../support/writer-child.ts', import.meta.url)
    const child = fork(program, [name, proxy.address, `silent-${randomUUID()}`], {
      execArgv: ['--conditions=source', '--no-warnings'],
    })
    const said: WriterMessage[] = []
    child.on('message', (message: WriterMessage) => said.push(message))
    await expect.poll(() => said, { timeout: 30_000 }).toEqual([{ durable: 'yes' }])
    proxy.hold()
    child.send('go on')
    const [code] = await Promise.race([once(child, 'exit'), sleep(30_000, ['is still there'])])
    child.kill('SIGKILL')
    await proxy.heal()
    expect(code).toBe(0)
    expect(said.slice(1)).toEqual([{ durable: 'unknown' }, { event: 'closed' }])
  },
)

test('a batch that was given up is not stored behind newer ones by @platformatic/kafka, whoever shares its producer', async () => {
  const client = clientFor('@platformatic/kafka', proxy.address)
  const topic = `shared-producer-${randomUUID()}`
  const admin = await client.admin()
  await admin.create([{ topic, partitions: 1, replicas: 1, settings: new Map() }])
  await expect.poll(async () => (await admin.topic(topic))?.hasLeaders).toBe(true)
  const place = { topic, partition: 0 }
  const messageOf = (text: string) => ({
    ...{ key: null, value: Buffer.from(text), headers: new Map() },
  })
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
  // The client would have tried again after a second.
  await sleep(2_000)
  const reader = await client.reader(topic)
  const [{ next } = { next: 0 }] = await admin.bounds(topic)
  const stored: string[] = []
  for await (const entries of reader.read(0, 0, next)) {
    stored.push(...entries.map(({ value }) => String(value)))
  }
  expect(stored).toEqual(['A', 'C'])
  await Promise.all([first, second, reader, admin].map((part) => part.close()))
})

test.for(clientNames)(
  'readings of the past and ahead that fall silent are given up, and can be made again, through %s',
  async (name) => {
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
    const read = async () => past?.read({ maxRecords: 100, maxBytes: 1_000_000, signal })
    const ahead = async () => consumer.pullAhead?.({ wanted: () => false, signal })
    // Of one partition: the other has to be fetched.
    const first = (await read())?.length ?? 0
    proxy.hold()
    const given = { code: 'ERR_IO', retryable: true, message: /nothing came for 30000 ms/ }
    const silent = { ...given, message: expect.stringMatching(given.message) }
    await Promise.all([
      expect(read()).rejects.toMatchObject(silent),
      expect(ahead()).rejects.toMatchObject(silent),
    ])
    await proxy.heal()
    expect(first + ((await read())?.length ?? 0)).toBe(8)
    expect(await ahead()).toEqual([])
    await past?.close()
    await consumer.close()
    await queue.close()
  },
)

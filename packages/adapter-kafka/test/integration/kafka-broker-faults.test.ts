// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, fanOut, type, type Wal } from '@daybook/core'
import { reportDelivery } from '@daybook/core/testing'
import { type Service, service, type TcpProxy, tcpProxy } from '@daybook/services'
import { afterAll, beforeAll, type ExpectStatic, expect, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
import { forwardingPair } from '../support/archive.ts'
import { type ClientName, clientFor, clientNames } from '../support/clients.ts'
import { keyedWriters, WatchfulTarget } from '../support/keyed-writers.ts'

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
}

test.concurrent('a broker killed while 20,000 records are written and applied loses none, nor any that are forwarded to it', async ({
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
      await check(name, wal, target, written)
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

test.concurrent('a network that delays, cuts and swallows loses no record', async () => {
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
  let weather: NodeJS.Timeout | undefined
  await Promise.all(
    clientNames.map(async (name) => {
      const target = new WatchfulTarget()
      const wal = await walOn(name, proxy.address, target)
      await wal.start()
      weather ??= setInterval(() => void steps.shift()?.(), 1_500)
      const { written } = await keyedWriters(wal.namespace('films'), { keys: 50, perKey: 60 })
      while (steps.length > 0) await new Promise((resolve) => setTimeout(resolve, 200))
      await check(name, wal, target, written)
      await wal.close()
    }),
  )
  clearInterval(weather)
})

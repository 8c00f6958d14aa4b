// needs: kafka

import { randomUUID } from 'node:crypto'
import { createWal, fanOut, type, type Wal } from '@daybook/core'
import { reportDelivery } from '@daybook/core/testing'
import { type Service, service, type TcpProxy, tcpProxy } from '@daybook/services'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { kafkaQueue } from '../../src/index.ts'
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
  // Repeats are allowed, but not of everything.
  expect(report.repeated.length).toBeLessThan(written.length / 2)
}

test.concurrent('a broker killed while 20,000 records are written and applied loses none', async () => {
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
          if (count === 5_000) restarted ??= kafka.kill().then(() => kafka.start())
        },
      })
      await restarted
      expect(written).toHaveLength(20_000)
      await check(name, wal, target, written)
      await wal.close()
    }),
  )
})

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

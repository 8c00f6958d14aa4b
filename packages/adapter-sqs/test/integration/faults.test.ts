// needs: sqs

import type { SQS } from '@aws-sdk/client-sqs'
import { createWal, fanOut, type Queue, type Target, type } from '@daybook/core'
import { type Identified, recordingTarget, reportDelivery } from '@daybook/core/testing'
import { type Service, service, tcpProxy } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sqsQueue } from '../../src/index.ts'
import { ConsumerProcesses, ended } from '../support/consumer-processes.ts'
import {
  connect as connectTo,
  createQueue as createQueueAt,
  disconnectAll,
  writeSurely,
} from '../support/server-queues.ts'

let sqs: Service

beforeEach(async () => {
  sqs = await service('sqs')
  await sqs.reset()
})
afterEach(disconnectAll)

const connect = (address = sqs.address): SQS => connectTo(address)
const createQueue = (name: string): Promise<string> => createQueueAt(sqs.address, name)

const open = (queue: Queue, target: Target<number>) =>
  createWal({
    namespaces: {
      faults: fanOut({
        ...{ payload: type<number>(), queue, targets: { target }, deadLetters: 'off' },
        order: queue.supports.order,
        retry: { minDelay: '50ms', maxDelay: '500ms' },
      }),
    },
  })

/** Nothing lost, nothing out of order. */
function expectWhole(written: readonly Identified[], applied: readonly Identified[]): void {
  const { lost, unknown, outOfOrder } = reportDelivery(written, applied)
  expect({ lost, unknown, outOfOrder }).toEqual({ lost: [], unknown: [], outOfOrder: [] })
}

/** What is applied twice does no harm here. */
const guarded = { idempotency: 'id' } as const

const quick = { waitMs: 1_000, visibilityMs: 3_000, requestTimeoutMs: 1_500 }

// ElasticMQ forgets over a restart which groups have messages in flight, and hands them out in another
// order: of order only SQS itself, or its model, can tell here.
test('nothing is lost over a kill -9 of the server, on standard and FIFO', async () => {
  const targets = [recordingTarget<number>(guarded), recordingTarget<number>(guarded)] as const
  const wals = await Promise.all(
    targets.map(async (target, at) => {
      const queueUrl = await createQueue(at === 0 ? 'killed' : 'killed.fifo')
      const wal = await open(sqsQueue({ client: connect(), queueUrl, ...quick }), target)
      wal.on('error', () => {}) // there are many while the server is away
      await wal.start()
      return wal
    }),
  )
  const writing = Promise.all(wals.map((wal) => writeSurely(wal, 0, 105)))
  await Promise.all(targets.map((target) => target.waitFor(30)))
  await sqs.kill()
  await sqs.start()
  for (const [at, written] of (await writing).entries()) {
    const applied = targets[at]?.applied ?? []
    // What was on its way out as the server died is hidden for a while: a drain would not see it.
    const came = (): number => new Set(applied.map(({ id }) => id)).size
    await expect.poll(came, { timeout: 30_000 }).toBe(written.length)
    const { lost, unknown } = reportDelivery<Identified>(written, applied)
    expect({ lost, unknown }).toEqual({ lost: [], unknown: [] })
  }
  for (const wal of wals) await wal.close()
})

test('a connection that is cut and black-holed loses nothing and keeps the order', async () => {
  const queueUrl = await createQueue('cut.fifo')
  await using proxy = await tcpProxy({ host: sqs.host, port: sqs.port })
  const target = recordingTarget<number>(guarded)
  const client = connect(proxy.address)
  const through = queueUrl.replace(sqs.address, proxy.address)
  const wal = await open(sqsQueue({ client, queueUrl: through, ...quick }), target)
  wal.on('error', () => {})
  await wal.start()
  const writing = writeSurely(wal, 0, 140)
  await target.waitFor(20)
  proxy.cut()
  await target.waitFor(50)
  proxy.hold()
  // Longer than the leases last.
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  proxy.cut()
  await proxy.heal()
  const written = await writing
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expectWhole(written, target.applied)
})

test('what a killed consumer held goes to another, in order', async () => {
  const queueUrl = await createQueue('orphaned.fifo')
  const processes = new ConsumerProcesses(sqs.address)
  const target = recordingTarget<number>(guarded)
  const wal = await open(sqsQueue({ client: connect(), queueUrl, ...quick }), target)
  const written = await writeSurely(wal, 0, 105)
  const child = await processes.start({ queueUrl })
  await processes.until(30)
  child.kill('SIGKILL')
  expect(await ended(child)).toBe('SIGKILL')
  const byChild = processes.applied
  await wal.start()
  await target.waitFor(written.length - byChild.length)
  await wal.drain({ timeout: '30s' })
  await wal.close()
  expectWhole(written, [...byChild, ...target.applied])
})

test('a delay of three seconds is kept to within 300 ms', async () => {
  const queueUrl = await createQueue('delayed')
  const lateness: number[] = []
  const target = recordingTarget<number>({
    ...guarded,
    answer: ({ dueAt = 0 }) => {
      lateness.push(Date.now() - dueAt)
      return { status: 'applied' }
    },
  })
  const wal = await createWal({
    namespaces: {
      delayed: fanOut({
        ...{ payload: type<number>(), order: 'none', deadLetters: 'off' },
        ...{ queue: sqsQueue({ client: connect(), queueUrl, ...quick }), targets: { target } },
      }),
    },
  })
  await wal.start()
  for (const delay of [3_000, 3_250, 3_700]) await wal.write('delayed', { payload: 1, delay })
  await target.waitFor(3)
  await wal.close()
  for (const ms of lateness) {
    expect(ms).toBeGreaterThanOrEqual(0)
    expect(ms, `late by ${lateness.join(', ')} ms`).toBeLessThan(300)
  }
})

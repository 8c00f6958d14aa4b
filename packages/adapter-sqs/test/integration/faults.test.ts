// needs: sqs

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { SQS } from '@aws-sdk/client-sqs'
import { createWal, fanOut, type Queue, type Target, type } from '@daybook/core'
import { type Identified, recordingTarget, reportDelivery } from '@daybook/core/testing'
import { type Service, service, tcpProxy } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sqsQueue } from '../../src/index.ts'

let sqs: Service
const clients: SQS[] = []

beforeEach(async () => {
  sqs = await service('sqs')
  await sqs.reset()
})
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
})

function connect(address = sqs.address): SQS {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' }
  const client = new SQS({ endpoint: `http://${address}`, region: 'us-east-1', credentials })
  clients.push(client)
  return client
}

async function createQueue(QueueName: string): Promise<string> {
  const Attributes = QueueName.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
  const { QueueUrl = '' } = await connect().createQueue({ QueueName, Attributes })
  return QueueUrl
}

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

const keyOf = (n: number): string => `key ${n % 7}`

/** Writes each until it is known to be stored: what is unknown is written again as the same. */
async function write(wal: Awaited<ReturnType<typeof open>>, from: number, to: number) {
  const written: Identified[] = []
  const lanes = Array.from({ length: 7 }, async (_, lane) => {
    for (let n = from + lane; n < to; n += 7) {
      let receipt = await wal.tryWrite('faults', { key: keyOf(n), payload: n, timeout: '3s' })
      while (receipt.durable !== 'yes') {
        const { id, version } = receipt
        await new Promise((resolve) => setTimeout(resolve, 100))
        const again = { key: keyOf(n), payload: n, timeout: '3s', id, version } as const
        receipt = await wal.tryWrite('faults', again)
      }
      written.push({ id: receipt.id, key: keyOf(n) })
    }
  })
  await Promise.all(lanes)
  return written
}

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
  const writing = Promise.all(wals.map((wal) => write(wal, 0, 105)))
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
  const writing = write(wal, 0, 140)
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
  const target = recordingTarget<number>(guarded)
  const wal = await open(sqsQueue({ client: connect(), queueUrl, ...quick }), target)
  const written = await write(wal, 0, 105)
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      join(import.meta.dirname, 'consumer-child.ts'),
      `http://${sqs.address}`,
      queueUrl,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const byChild: Identified[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    byChild.push(JSON.parse(line))
    if (byChild.length === 30) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
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

// needs: sqs

import { SQS } from '@aws-sdk/client-sqs'
import {
  createWal,
  fanOut,
  memoryQueue,
  queueTarget,
  type Target,
  type,
  type WalRecord,
} from '@daybook/core'
import { type Service, tcpProxy } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sqsQueue } from '../../src/index.ts'
import { memoryServer } from '../support/memory-server.ts'

let sqs: Service
const clients: SQS[] = []

beforeEach(async () => {
  sqs = await memoryServer()
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

interface Film {
  readonly year: number
}

/** Compares versions, and keeps what it was given. */
function shelf() {
  const newest = new Map<string, WalRecord<Film>>()
  const came: WalRecord<Film>[] = []
  const target: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      came.push(...records)
      for (const record of records) {
        const { key = '', version } = record
        if ((newest.get(key)?.version ?? 0n) < version) newest.set(key, record)
      }
    },
  }
  return { target, newest, came }
}

const quick = { waitMs: 1_000, visibilityMs: 3_000, requestTimeoutMs: 1_500 }

test.each(['films', 'films.fifo'])(
  'records forwarded to the SQS queue %s stay what they are, over cut connections and an outage',
  async (QueueName) => {
    const Attributes = QueueName.endsWith('.fifo') ? { FifoQueue: 'true' } : {}
    const { QueueUrl: queueUrl = '' } = await connect().createQueue({ QueueName, Attributes })
    await using proxy = await tcpProxy({ host: sqs.host, port: sqs.port })
    const through = queueUrl.replace(sqs.address, proxy.address)
    const { target, newest, came } = shelf()
    const reading = sqsQueue({ client: connect(), queueUrl, ...quick })
    const archive = await createWal({
      namespaces: {
        films: fanOut({
          ...{ payload: type<Film>(), queue: reading, targets: { shelf: target } },
          ...{ order: reading.supports.order, deadLetters: 'off' },
        }),
      },
    })
    await archive.start()
    const wal = await createWal({
      region: { name: 'eu', number: 3 },
      namespaces: {
        films: {
          payload: type<Film>(),
          queue: memoryQueue(),
          targets: {
            archive: queueTarget({
              queue: sqsQueue({ client: connect(proxy.address), queueUrl: through, ...quick }),
              namespace: 'films',
            }),
          },
          retry: { maxAttempts: 2, minDelay: '20ms' },
          breaker: { minOpen: '50ms', maxOpen: '500ms' },
        },
      },
    })
    const letters: unknown[] = []
    const paused: string[] = []
    wal.on('deadLettered', (letter) => letters.push(letter))
    wal.on('paused', ({ code }) => paused.push(code))
    await wal.start()
    const written = new Map<string, bigint>()
    const state = new Map<string, number>()
    const write = async (from: number, to: number): Promise<void> => {
      for (let n = from; n < to; n++) {
        const key = `film ${n % 7}`
        const { id, version } = await wal.write('films', { key, payload: { year: n } })
        written.set(id, version)
        state.set(key, n)
      }
    }
    const ids = (): number => new Set(came.map(({ id }) => id)).size
    await write(0, 100)
    await expect.poll(ids, { timeout: 20_000 }).toBeGreaterThan(10)
    proxy.cut()
    await write(100, 150)
    proxy.refuse()
    proxy.cut()
    await write(150, 200)
    await expect.poll(() => paused.length, { timeout: 20_000 }).toBeGreaterThan(0)
    await proxy.heal()
    await wal.drain({ timeout: '30s' })
    await expect.poll(ids, { timeout: 30_000 }).toBe(200)
    expect(letters).toEqual([])
    for (const { id, version, origin } of came) {
      expect([origin, version]).toEqual(['eu', written.get(id)])
    }
    for (const [key, year] of state) expect(newest.get(key)?.payload).toEqual({ year })
    await wal.close()
    await archive.close()
  },
)

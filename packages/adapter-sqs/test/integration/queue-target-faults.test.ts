// needs: sqs

import { createWal, fanOut, memoryQueue, queueTarget, type Target, type } from '@daybook/core'
import { type Service, service } from '@daybook/services'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sqsQueue } from '../../src/index.ts'
import { RefusingFront } from '../support/refusing-front.ts'
import { connect, createQueue, disconnectAll } from '../support/server-queues.ts'

let sqs: Service

beforeEach(async () => {
  sqs = await service('sqs')
  await sqs.reset()
})
afterEach(disconnectAll)

interface Film {
  readonly year: number
  readonly title?: string
}

const patience = { timeout: 60_000 }
const quick = { waitMs: 1_000, visibilityMs: 6_000, requestTimeoutMs: 3_000 }

/** A wal that forwards to the queue at an address, and one that reads it where it is. */
async function forwardingPair(QueueName: string, address = sqs.address) {
  const queueUrl = await createQueue(sqs.address, QueueName)
  const newest = new Map<string, { readonly version: bigint; readonly year: number | undefined }>()
  const came = new Set<string>()
  const shelf: Target<Film> = {
    idempotency: 'version',
    async apply(records) {
      for (const { id, key = '', version, payload } of records) {
        came.add(id)
        const isNewer = (newest.get(key)?.version ?? 0n) < version
        if (isNewer) newest.set(key, { version, year: payload?.year })
      }
    },
  }
  const queue = sqsQueue({ client: connect(sqs.address), queueUrl, ...quick })
  const archive = await createWal({
    namespaces: {
      films: fanOut({
        ...{ payload: type<Film>(), queue, targets: { shelf } },
        ...{ order: queue.supports.order, deadLetters: 'off' },
      }),
    },
  })
  archive.on('error', () => {}) // there are some while the server or the queue is away
  await archive.start()
  const there = queueUrl.replace(sqs.address, address)
  const leading = sqsQueue({ client: connect(address), queueUrl: there, ...quick })
  const target = queueTarget<Film>({ queue: leading, namespace: 'films' })
  const wal = await createWal({
    region: { name: 'eu', number: 3 },
    namespaces: {
      films: {
        ...{ payload: type<Film>(), queue: memoryQueue(), targets: { there: target } },
        retry: { maxAttempts: 2, minDelay: '20ms' },
        breaker: { minOpen: '50ms', maxOpen: '500ms' },
      },
    },
  })
  const pauses: string[] = []
  wal.on('paused', ({ reason, code }) => pauses.push(`${reason} ${code}`))
  await wal.start()
  const state = new Map<string, number>()
  let written = 0
  const write = async (records: number): Promise<void> => {
    const from = written
    written += records
    for (let year = from; year < from + records; year++) {
      const key = `film ${year % 17}`
      await wal.write('films', { key, payload: { year } })
      state.set(key, year)
    }
  }
  /** One that fits, but for the other fields of its record: no write knows of it. */
  const writeLarge = (key: string) => {
    const film = { year: 0, title: '' }
    const room = leading.supports.largestRecordBytes - JSON.stringify(film).length - key.length
    return wal.write('films', { key, payload: { ...film, title: 'x'.repeat(room) } })
  }
  const allCame = () => expect.poll(() => came.size, patience).toBe(written)
  /** All came, nothing is a dead letter, and no attempt was spent. */
  const settle = async (): Promise<void> => {
    const report = await wal.drain({ timeout: '60s' })
    expect(report.films.there).toMatchObject({ dead: 0, pending: 0 })
    expect((await wal.namespace('films').deadLetters.list()).letters).toEqual([])
    const { delivery } = (await wal.status()).namespaces.films.targets.there
    expect(delivery?.retried).toBe(0)
    await allCame()
    expect(new Map([...newest].map(([key, { year }]) => [key, year]))).toEqual(state)
    await wal.close()
    await archive.close()
  }
  return { wal, archive, queueUrl, pauses, came, allCame, write, writeLarge, settle }
}

test('what is forwarded to an SQS queue waits while the credentials are not taken, or too much is sent, and spends no attempt', async () => {
  await using front = await RefusingFront.before(sqs.address)
  const pair = await forwardingPair('refused', front.address)
  for (const [refusal, expected] of [
    ['denied', 'unavailable ERR_CONFIG'],
    ['expired', 'unavailable ERR_CONFIG'],
    ['throttled', 'throttled ERR_THROTTLED'],
  ] as const) {
    pair.pauses.length = 0
    front.refusal = refusal
    await pair.write(1)
    await expect.poll(() => pair.pauses.length, patience).toBeGreaterThan(2)
    expect(new Set(pair.pauses)).toEqual(new Set([expected]))
    await pair.write(40)
    front.refusal = undefined
    await pair.allCame()
  }
  await pair.settle()
}, 180_000)

test('of what is forwarded to an SQS queue only the records that are too large are dead letters', async () => {
  const { wal, archive, pauses, write, writeLarge, allCame } = await forwardingPair('sizes')
  for (const key of ['large', 'larger']) {
    await write(15)
    await writeLarge(key)
  }
  await write(15)
  await wal.drain({ timeout: '60s' })
  await allCame()
  const { letters } = await wal.namespace('films').deadLetters.list()
  const found = letters.map(({ record, code, attemptsSpent }) => [record?.key, code, attemptsSpent])
  expect(found.sort()).toEqual(['large', 'larger'].map((key) => [key, 'ERR_PAYLOAD_TOO_LARGE', 1]))
  expect(pauses).toEqual([])
  await wal.close()
  await archive.close()
}, 120_000)

test('what is forwarded to an SQS queue waits while that is not there, and is sent once it is made', async () => {
  const pair = await forwardingPair('made-again')
  await pair.write(40)
  await pair.allCame()
  await connect(sqs.address).deleteQueue({ QueueUrl: pair.queueUrl })
  await pair.write(60)
  await expect.poll(() => pair.pauses.length, patience).toBeGreaterThan(2)
  expect(new Set(pair.pauses)).toEqual(new Set(['unavailable ERR_CONFIG']))
  await createQueue(sqs.address, 'made-again')
  await pair.settle()
}, 180_000)

test.each(['killed', 'killed.fifo'])(
  'what is forwarded to the SQS queue %s under load is all there after a kill -9 of its server',
  async (name) => {
    const pair = await forwardingPair(name)
    const writing = pair.write(600)
    await expect.poll(() => pair.came.size, patience).toBeGreaterThan(20)
    await sqs.kill()
    await pair.write(1)
    await expect.poll(() => pair.pauses.length, patience).toBeGreaterThan(0)
    await sqs.start()
    await writing
    await pair.settle()
    expect(new Set(pair.pauses.map((pause) => pause.split(' ')[0]))).toEqual(
      new Set(['unavailable']),
    )
  },
  240_000,
)

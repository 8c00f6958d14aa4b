import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createWal,
  fanOut,
  type Queue,
  type StoredRecord,
  systemRandom,
  type Target,
  type,
} from '@daybook/core'
import { makeStoredRecord, recordingTarget, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { directoryStore, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'
import { mortalClient } from './mortal-client.ts'

let clock: VirtualClock
let model: SqsModel
let url: string
let errors: string[]
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  url = model.createQueue('records.fifo')
  errors = []
})

async function openQueue(options: Partial<SqsQueueOptions> = {}): Promise<Queue> {
  const queue = sqsQueue({ client: model, queueUrl: url, ...options })
  await queue.open({
    ...{ namespace: 'faults', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  return queue
}

async function send(queue: Queue, ...records: readonly StoredRecord[]) {
  return clock.runUntil((await queue.producer()).send(records))
}

const record = (fields: Partial<StoredRecord> = {}): StoredRecord =>
  makeStoredRecord({ writtenAt: clock.now(), key: 'same', ...fields })
const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }

/** A client whose one method does something else. */
function withCall<K extends keyof SqsModel>(name: K, call: SqsModel[K]): SqsQueueOptions['client'] {
  return new Proxy(model, {
    get: (target, member) => {
      if (member === name) return call
      const value = Reflect.get(target, member)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('a send', () => {
  test("answers 'unknown' when its answer is lost, and the rewrite is not stored twice", async () => {
    const client = withCall('sendMessageBatch', async (input) => {
      await model.sendMessageBatch(input)
      throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
    })
    const [written] = [record()]
    const [lost] = await send(await openQueue({ client }), written)
    expect(lost?.durable).toBe('unknown')
    expect((await send(await openQueue(), written))[0]?.durable).toBe('yes')
    expect(model.size(url)).toBe(1)
  })

  test("answers 'no' for a refusal at the first try, and 'unknown' for one at a later try", async () => {
    for (const [attempts, durable] of [
      [1, 'no'],
      [3, 'unknown'],
    ] as const) {
      const client = withCall('sendMessageBatch', async () => {
        throw Object.assign(new Error('Rate exceeded'), {
          name: 'ThrottlingException',
          $metadata: { attempts },
        })
      })
      const [outcome] = await send(await openQueue({ client }), record())
      expect([outcome?.durable, outcome?.error?.code]).toEqual([durable, 'ERR_THROTTLED'])
    }
  })

  test("answers 'unknown' when SQS says nothing, within its time-out", async () => {
    const client = withCall('sendMessageBatch', (_, options) => {
      return new Promise((_resolve, reject) => {
        options?.abortSignal?.addEventListener('abort', () => reject(new Error('aborted')))
      })
    })
    const startedAt = clock.monotonic()
    const queue = await openQueue({ client, requestTimeoutMs: 2_000 })
    const [outcome] = await send(queue, record())
    expect(outcome?.durable).toBe('unknown')
    expect(clock.monotonic() - startedAt).toBe(2_000)
  })

  test('answers entry by entry when a batch is taken in part', async () => {
    const client = withCall('sendMessageBatch', async (input) => {
      const [first, ...others] = input.Entries
      const rest = await model.sendMessageBatch({ ...input, Entries: others })
      const failure = { Id: first?.Id, Code: 'InternalError', SenderFault: false }
      return { Successful: rest.Successful, Failed: [failure] }
    })
    const records = ['a', 'b', 'c'].map((key) => record({ key }))
    const outcomes = await send(await openQueue({ client }), ...records)
    expect(outcomes.map(({ durable }) => durable)).toEqual(['unknown', 'yes', 'yes'])
  })
})

describe('a lease', () => {
  test('is kept for as long as core holds the record', async () => {
    const queue = await openQueue()
    await send(queue, record())
    const consumer = await queue.consumer('only')
    const [delivery] = await clock.runUntil(consumer.pull(pulling))
    await clock.advance(10 * 60_000)
    expect(delivery?.lease?.aborted).toBe(false)
    await consumer.ack(delivery ? [delivery] : [])
    expect(model.size(url)).toBe(0)
    await clock.runUntil(consumer.close())
  })

  test('that is lost takes its whole group with it, which comes again in order', async () => {
    const client = withCall('changeMessageVisibilityBatch', async () => {
      throw new Error('no route to host')
    })
    const queue = await openQueue({ client })
    const records = [record(), record(), record()]
    await send(queue, ...records)
    const other = record({ key: 'other' })
    const consumer = await queue.consumer('only')
    const deliveries = await clock.runUntil(consumer.pull({ ...pulling, maxRecords: 2 }))
    await clock.advance(31_000)
    expect(deliveries.map(({ lease }) => lease?.aborted)).toEqual([true, true])
    await send(queue, other)
    await consumer.ack(deliveries)
    const second = await (await openQueue()).consumer('only')
    const again = []
    while (again.length < 4) again.push(...(await clock.runUntil(second.pull(pulling))))
    const same = again.filter(({ record: { key } }) => key === 'same')
    expect(same.map(({ record: { id } }) => id)).toEqual(records.map(({ id }) => id))
    expect(same.map(({ handOuts }) => handOuts)).toEqual([2, 2, 2])
    await clock.runUntil(second.close())
  })
})

describe('a lease that cannot be renewed', () => {
  test('ends before SQS gives the message to anybody else', async () => {
    const client = withCall('changeMessageVisibilityBatch', async () => {
      throw new Error('no route to host')
    })
    const queue = await openQueue({ client })
    const consumer = await queue.consumer('only')
    await send(queue, record({ key: 'first' }))
    await clock.runUntil(consumer.pull(pulling))
    // The later one runs out between two of the looks at what is held.
    await clock.advance(7_500)
    await send(queue, record())
    const [held] = await clock.runUntil(consumer.pull(pulling))
    let endedAt = Number.POSITIVE_INFINITY
    held?.lease?.addEventListener('abort', () => {
      endedAt = clock.monotonic()
    })
    const second = await (await openQueue()).consumer('only')
    const ids: (string | undefined)[] = []
    while (!ids.includes(held?.record.id)) {
      const again = await clock.runUntil(second.pull(pulling), { withinMs: 60_000 })
      ids.push(...again.map(({ record: { id } }) => id))
    }
    expect(endedAt).toBeLessThanOrEqual(clock.monotonic())
    await clock.runUntil(consumer.close())
    await clock.runUntil(second.close())
  })
})

describe('what is no record', () => {
  test('is handed out as unreadable, and stops nobody', async () => {
    const foreign = { MessageGroupId: 'g', MessageDeduplicationId: 'd' }
    const Entries = [{ Id: 'a', MessageBody: 'by hand', ...foreign }]
    await model.sendMessageBatch({ QueueUrl: url, Entries })
    const queue = await openQueue()
    await send(queue, record())
    const consumer = await queue.consumer('only')
    const deliveries = await clock.runUntil(consumer.pull(pulling))
    expect(deliveries.map(({ unreadable }) => unreadable?.code)).toEqual([
      'ERR_UNDECODABLE',
      undefined,
    ])
    expect(Buffer.from(deliveries[0]?.record.payload ?? []).toString()).toBe('by hand')
    await clock.runUntil(consumer.close())
  })
})

describe('a record too large for a message', () => {
  const large = (): StoredRecord => record({ payload: new Uint8Array(400_000).fill(7) })

  test('is refused without a store, with the figures', async () => {
    const [outcome] = await send(await openQueue(), large())
    expect(outcome?.error?.code).toBe('ERR_PAYLOAD_TOO_LARGE')
    expect(outcome?.error?.message).toMatch(/533\d\d\d bytes .* 262144/)
  })

  test('goes through the store, in its place, and leaves nothing behind', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'daybook-store-'))
    const queue = await openQueue({ store: directoryStore(directory) })
    const records = [record(), large(), record()]
    // Files take real time, and nothing here waits for the clock.
    const outcomes = await (await queue.producer()).send(records)
    expect(outcomes.map(({ durable }) => durable)).toEqual(['yes', 'yes', 'yes'])
    const consumer = await queue.consumer('only')
    const deliveries = await consumer.pull(pulling)
    expect(deliveries.map(({ record: { id } }) => id)).toEqual(records.map(({ id }) => id))
    expect(deliveries[1]?.record.payload?.byteLength).toBe(400_000)
    await consumer.ack(deliveries)
    const closing = consumer.close()
    await clock.advance(10_000) // the poll under way ends
    await closing
    const left = await readdir(directory, { recursive: true, withFileTypes: true })
    expect(left.filter((entry) => entry.isFile())).toEqual([])
    await rm(directory, { recursive: true })
  })
})

describe('a store that does not answer for one body', () => {
  test('holds up that record and what is behind it in its group, nothing else', async () => {
    const bodies = new Map<string, Uint8Array>()
    let isDown = true
    const store = {
      put: async (name: string, bytes: Uint8Array) => void bodies.set(name, bytes),
      get: async (name: string) => {
        if (isDown) throw new Error('the store is down')
        return bodies.get(name)
      },
      delete: async (name: string) => void bodies.delete(name),
    }
    const queue = await openQueue({ store })
    const large = record({ payload: new Uint8Array(400_000).fill(7) })
    const [before, behind, other] = [record(), record(), record({ key: 'other' })]
    await send(queue, before, large, behind, other)
    const consumer = await queue.consumer('only')
    const deliveries = await clock.runUntil(consumer.pull(pulling))
    expect(deliveries.map(({ record: { id } }) => id)).toEqual([other.id, before.id])
    await clock.runUntil(consumer.ack(deliveries))
    await expect(clock.runUntil(consumer.pull(pulling))).rejects.toMatchObject({ code: 'ERR_IO' })
    isDown = false
    const rest = await clock.runUntil(consumer.pull(pulling), { withinMs: 60_000 })
    expect(rest.map(({ record: { id } }) => id)).toEqual([large.id, behind.id])
    await clock.runUntil(consumer.close())
  })
})

describe('a store that never answers', () => {
  test("makes a write 'no' in time, lets its key go on, and holds up no closing", async () => {
    const never = () => new Promise<never>(() => {})
    const store = { put: never, get: never, delete: never }
    const queue = await openQueue({ store, storeTimeoutMs: 3_000 })
    const large = record({ payload: new Uint8Array(400_000).fill(7) })
    const startedAt = clock.monotonic()
    const small = record()
    const outcomes = await send(queue, large, small)
    expect(outcomes.map(({ durable }) => durable)).toEqual(['no', 'yes'])
    expect(clock.monotonic() - startedAt).toBe(3_000)
    const claim = { v: 1, claim: 'payloads/a', id: large.id }
    const group = { MessageGroupId: 'g', MessageDeduplicationId: 'd' }
    const Entries = [{ Id: 'a', MessageBody: JSON.stringify(claim), ...group }]
    await model.sendMessageBatch({ QueueUrl: url, Entries })
    const consumer = await queue.consumer('only')
    const pull = consumer.pull(pulling)
    await clock.advance(1_000)
    await clock.runUntil(consumer.close(), { withinMs: 30_000 })
    expect((await pull).map(({ record: { id } }) => id)).toEqual([small.id])
    await clock.runUntil(queue.close())
  })
})

describe('opening', () => {
  test('says what is wrong where a queue does not exist, and where it takes less', async () => {
    const missing = openQueue({ queueUrl: `${url.replace('records', 'none')}` })
    await expect(missing).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    const small = model.createQueue('small', { maximumMessageSize: 1_024 })
    await expect(openQueue({ queueUrl: small })).rejects.toThrow(/takes messages of 1024/)
  })

  test('refuses options that cannot be meant', () => {
    const refused = (options: object) => () =>
      sqsQueue({ client: model, queueUrl: url, ...options })
    expect(refused({ client: {} })).toThrow(/pass new SQS/)
    expect(refused({ waitMs: 21_000 })).toThrow(/`waitMs` must be from 1000 to 20000/)
    const short = { waitMs: 5_000, visibilityMs: 7_000 }
    expect(refused(short)).toThrow(/`visibilityMs` must be at least one and a half times/)
    expect(refused({ delayQueueUrl: url })).toThrow(/`delayQueueUrl` must be a standard queue/)
    expect(refused({ targetQueueUrls: { a: url } })).toThrow(/must be another queue/)
  })
})

describe('a drain', () => {
  const numbers = (queue: Queue, target: Target<number>) =>
    createWal({
      clock,
      namespaces: {
        numbers: fanOut({
          ...{ payload: type<number>(), order: 'key', deadLetters: 'off' },
          ...{ queue, targets: { target } },
        }),
      },
    })

  test('waits for what a process that died was holding', async () => {
    const mortal = mortalClient(model)
    const held = await openQueue({ client: mortal.client })
    await send(held, record(), record({ key: 'other' }))
    const lost = await clock.runUntil((await held.consumer('only')).pull(pulling))
    mortal.die()
    expect(lost).toHaveLength(2)
    const target = recordingTarget<number>()
    const wal = await numbers(sqsQueue({ client: model, queueUrl: url }), target)
    await wal.start()
    const report = await clock.runUntil(wal.drain())
    expect(report).toMatchObject({ numbers: { target: { applied: 2, pending: 0 } } })
    await clock.runUntil(wal.close())
  })
})

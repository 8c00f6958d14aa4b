import { noAttempts, type Queue, type StoredRecord, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { type PayloadStore, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

const dayMs = 24 * 3_600_000

let clock: VirtualClock
let model: SqsModel
let errors: string[]
let bodies: Map<string, { readonly bytes: Uint8Array; readonly at: number }>
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  bodies = new Map()
  errors = []
})

/** A store that knows how old everything is. */
const store = (): Required<PayloadStore> => ({
  put: async (name, bytes) => void bodies.set(name, { bytes, at: clock.now() }),
  get: async (name) => bodies.get(name)?.bytes,
  delete: async (name) => void bodies.delete(name),
  touch: async (name) => {
    const body = bodies.get(name)
    if (body !== undefined) bodies.set(name, { ...body, at: clock.now() })
  },
  sweep: async (prefix, since) => {
    const old = [...bodies].filter(([name, { at }]) => name.startsWith(prefix) && at < since)
    for (const [name] of old) bodies.delete(name)
    return old.length
  },
})

async function open(suffix: string, options: Partial<SqsQueueOptions>) {
  const retentionMs = 14 * dayMs
  const create = (name: string): string => model.createQueue(name, { retentionMs })
  const queue = sqsQueue({
    ...{ client: model, queueUrl: create(`records${suffix}`), maxMessageBytes: 1_024 },
    ...(suffix === '.fifo' ? { delayQueueUrl: create('delays') } : {}),
    // Few renewals and receives: many days go by.
    ...{ waitMs: 20_000, visibilityMs: 600_000, ...options },
  })
  await queue.open({
    ...{ namespace: 'large', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  return queue
}

/** A record that is too large for a message, and due so much later. */
async function sendLarge(queue: Queue, delayMs: number): Promise<StoredRecord> {
  const payload = new Uint8Array(2_000)
  const writtenAt = clock.now()
  const dueAt = delayMs > 0 ? writtenAt + delayMs : undefined
  const record = makeStoredRecord({ namespace: 'large', key: 'a', writtenAt, payload, dueAt })
  await clock.runUntil((await queue.producer()).send([record]))
  return record
}

const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }

describe('a body that is too large for a message', () => {
  test('is there for as long as its record waits, and is swept where no message names it', async () => {
    for (const name of ['payloads/large/orphan', 'payloads/other/orphan', 'dead-letters/one']) {
      bodies.set(name, { bytes: new Uint8Array(), at: clock.now() })
    }
    const queue = await open('', { store: store() })
    const record = await sendLarge(queue, 0)
    const consumer = await queue.consumer('only')
    await clock.advance(14 * dayMs)
    expect(bodies.size).toBe(4)
    await clock.advance(2 * dayMs)
    expect([...bodies.keys()].filter((name) => name.endsWith('orphan'))).toEqual([
      'payloads/other/orphan',
    ])
    // Nobody pulled, and it was sent anew at half of the retention, twice.
    const [delivery] = await clock.runUntil(consumer.pull(pulling))
    expect([delivery?.unreadable, delivery?.record]).toEqual([undefined, record])
    await clock.runUntil(consumer.close(), { withinMs: dayMs })
  })

  test.each(['', '.fifo'])(
    'is as young as the last hop of its record: records%s',
    async (suffix) => {
      const queue = await open(suffix, { store: store() })
      await sendLarge(queue, 7_200_000)
      const consumer = await queue.consumer('only')
      const pulled = consumer.pull(pulling)
      await clock.advance(7_000_000)
      const [{ at } = { at: 0 }] = bodies.values()
      expect(clock.now() - at).toBeLessThan(960_000)
      const [delivery] = await clock.runUntil(pulled, { withinMs: dayMs })
      await clock.runUntil(consumer.ack(delivery ? [delivery] : []))
      await clock.runUntil(consumer.close(), { withinMs: dayMs })
      expect(bodies.size).toBe(0)
    },
  )

  test('that cannot be touched has no message sent that names it, and the error says so', async () => {
    let isDown = true
    const { touch, ...rest } = store()
    const touchIfUp = (name: string): Promise<void> =>
      isDown ? Promise.reject(new Error('read-only')) : touch(name)
    const queue = await open('', { store: { ...rest, touch: touchIfUp } })
    const sends = vi.spyOn(model, 'sendMessageBatch')
    const record = await sendLarge(queue, 0)
    const consumer = await queue.consumer('only')
    const [delivery] = await clock.runUntil(consumer.pull(pulling))
    if (delivery === undefined) throw new Error('nothing came')
    // Longer than it is hidden: it is to be sent anew.
    await clock.runUntil(consumer.release([{ delivery, attempts: noAttempts, delayMs: 700_000 }]))
    expect(sends).toHaveBeenCalledTimes(1)
    expect(errors).toEqual([expect.stringMatching(/was not sent anew.*read-only/)])
    isDown = false
    const [again] = await clock.runUntil(consumer.pull(pulling), { withinMs: dayMs })
    expect(again?.record).toEqual(record)
    await clock.runUntil(consumer.close(), { withinMs: dayMs })
  })

  test('is not given to a store that sweeps and cannot touch', async () => {
    const { touch: _, ...rest } = store()
    await expect(open('', { store: rest })).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('`store.touch`'),
    })
  })
})

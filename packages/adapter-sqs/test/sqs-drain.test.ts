import { createWal, fanOut, type } from '@daybook/core'
import { recordingTarget, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type PayloadStore, type SqsClient, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
})

/** Refuses the first so many batches that are sent into that queue. */
function refusing(url: string, refusals: number): SqsClient {
  let left = refusals
  const send: SqsModel['sendMessageBatch'] = async (input, options) => {
    if (input.QueueUrl !== url || left-- <= 0) return model.sendMessageBatch(input, options)
    const Failed = input.Entries.map(({ Id }) => ({
      Id,
      Code: 'InternalError',
      SenderFault: false,
    }))
    return { Successful: [], Failed }
  }
  return new Proxy(model, {
    get: (target, member) => {
      if (member === 'sendMessageBatch') return send
      const value = Reflect.get(target, member)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** Writes one record, drains, and answers how many were applied. */
async function drained(
  options: SqsQueueOptions,
  { delay, timeout = '1h' }: { readonly delay?: '1s'; readonly timeout?: '10m' | '1h' } = {},
) {
  const target = recordingTarget<string>({ idempotency: 'id' })
  const queue = sqsQueue(options)
  const wal = await createWal({
    clock,
    namespaces: {
      drained: fanOut({
        ...{ payload: type<string>(), queue, targets: { target }, deadLetters: 'off' },
        order: queue.supports.order,
      }),
    },
  })
  wal.on('error', () => {}) // the refusals are meant
  const payload = 'x'.repeat(2_000)
  await clock.runUntil(wal.write('drained', { key: 'a', payload, ...(delay && { delay }) }))
  if (delay !== undefined) await clock.advance(1_000)
  await wal.start()
  const { drained: report } = await clock.runUntil(wal.drain({ timeout }), {
    withinMs: 4_000_000,
  })
  await clock.runUntil(wal.close())
  return report?.target?.applied
}

describe.each(['', '.fifo'])('a drain of an SQS queue whose name ends in "%s"', (suffix) => {
  const create = (name: string): string => model.createQueue(`${name}${suffix}`)

  test.each([1, 2, 5])('outlasts %i copies in a row that fail', async (refusals) => {
    const [queueUrl, url] = [create('all'), create('one')]
    const client = refusing(url, refusals)
    expect(await drained({ client, queueUrl, targetQueueUrls: { target: url } })).toBe(1)
  })

  test.each([true, false])(
    'outlasts a store that fails twice, copied from: %s',
    async (fansOut) => {
      const [queueUrl, url] = [create('all'), create('one')]
      const bodies = new Map<string, Uint8Array>()
      let failures = 2
      const store: PayloadStore = {
        put: async (name, bytes) => void bodies.set(name, bytes),
        get: async (name) => {
          if (failures-- > 0) throw new Error('the store is down')
          return bodies.get(name)
        },
        delete: async (name) => void bodies.delete(name),
      }
      const targets = fansOut ? { targetQueueUrls: { target: url } } : {}
      const options = { client: model, queueUrl, store, maxMessageBytes: 1_024, ...targets }
      expect(await drained(options)).toBe(1)
    },
  )
})

test('a drain outlasts receives that fail for longer than a visibility', async () => {
  const queueUrl = model.createQueue('silent')
  const receive = model.receiveMessage.bind(model)
  const endsAt = clock.monotonic() + 120_000
  model.receiveMessage = async (input, options) => {
    if (clock.monotonic() < endsAt) throw new Error('connect ECONNREFUSED')
    return receive(input, options)
  }
  expect(await drained({ client: model, queueUrl })).toBe(1)
})

test('a drain outlasts the moving of a due record into its FIFO queue that fails twice', async () => {
  const queueUrl = model.createQueue('due.fifo')
  const delayQueueUrl = model.createQueue('delays')
  const client = refusing(queueUrl, 2)
  expect(await drained({ client, queueUrl, delayQueueUrl }, { delay: '1s' })).toBe(1)
})

test('a drain waits for a queue that takes no copy until its own time is up', async () => {
  const [queueUrl, url] = [model.createQueue('all'), model.createQueue('one')]
  const client = refusing(url, Number.POSITIVE_INFINITY)
  const options = { client, queueUrl, targetQueueUrls: { target: url } }
  const startedAt = clock.monotonic()
  expect(await drained(options, { timeout: '10m' })).toBe(0)
  expect(clock.monotonic() - startedAt).toBeGreaterThanOrEqual(600_000)
})

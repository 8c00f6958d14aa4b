import { createWal, fanOut, type Namespace, type } from '@daybook/core'
import { type Identified, reportDelivery, SeededRandom, scaledClock } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { type SqsClient, type SqsQueueOptions, sqsQueue } from '../src/index.ts'
import { troubledModel } from './support/troubled-model.ts'
import { WatchfulTarget } from './support/watchful-target.ts'

const clock = scaledClock(10)
const seeds = new SeededRandom(Number(process.env['DAYBOOK_SEED']))

/** Writes, and writes again as the same for as long as it is not known to be stored. */
async function writeSurely(namespace: Namespace<number>, key: string, count: number) {
  const written: Identified[] = []
  for (let payload = 0; payload < count; payload++) {
    let receipt = await namespace.tryWrite({ key, payload })
    while (receipt.durable !== 'yes') {
      const { id, version } = receipt
      receipt = await namespace.tryWrite({ key, payload, id, version })
    }
    written.push({ id: receipt.id, key })
  }
  return written
}

interface Run {
  readonly suffix: string
  readonly seed: number
  readonly fansOut?: boolean
  /** What stands between adapter and model. */
  readonly through?: (client: SqsClient) => SqsClient
}

/** Writes and consumes on a troubled model until nothing is left, and tells what was lost or amiss. */
async function run(settings: Run) {
  const { suffix, seed, fansOut = false, through = (client) => client } = settings
  const model = troubledModel(clock, seed)
  const create = (name: string): string => model.createQueue(`${name}${suffix}`)
  const queueUrl = create('records')
  const names = fansOut ? ['one', 'two'] : ['one']
  const targets = Object.fromEntries(names.map((name) => [name, new WatchfulTarget()]))
  const own = names.map((name) => [name, create(name)] as const)
  const queue = sqsQueue({
    ...{ client: through(model), queueUrl, waitMs: 1_000, visibilityMs: 10_000 },
    ...(fansOut ? { targetQueueUrls: Object.fromEntries(own) } : {}),
  } satisfies SqsQueueOptions)
  const wal = await createWal({
    clock,
    namespaces: {
      troubled: fanOut({
        ...{ payload: type<number>(), queue, targets, deadLetters: 'off' },
        order: queue.supports.order,
        retry: { minDelay: '50ms', maxDelay: '500ms' },
      }),
    },
  })
  wal.on('error', () => {}) // there are many
  await wal.start()
  const keys = Array.from({ length: 8 }, (_, at) => `key ${at}`)
  const namespace = wal.namespace('troubled')
  const written = (await Promise.all(keys.map((key) => writeSurely(namespace, key, 15)))).flat()
  // However often a copy fails.
  await wal.drain({ timeout: '5m' })
  await wal.close()
  const reports = Object.values(targets).map(({ applied, overlaps }) => {
    const { lost, unknown, outOfOrder, repeated } = reportDelivery(written, applied)
    const isFifo = suffix === '.fifo'
    return {
      ...{ lost, unknown, repeated: repeated.length },
      ...(isFifo ? { outOfOrder, overlaps } : { outOfOrder: [], overlaps: 0 }),
    }
  })
  const left = [queueUrl, ...own.map(([, url]) => url)].map((url) => model.size(url))
  return { reports, left }
}

const runs = ['', '.fifo'].flatMap((suffix) =>
  [false, true].flatMap((fansOut) =>
    [0, 1].map(() => ({ suffix, fansOut, seed: seeds.integer(0, 2 ** 31) })),
  ),
)

describe('with everything that SQS may do at any time', () => {
  test.concurrent.each(runs)(
    'every record is applied, in the order of a FIFO queue, and none stays: %o',
    async (settings) => {
      const { reports, left } = await run(settings)
      expect(left).toEqual(left.map(() => 0))
      for (const { repeated: _, ...report } of reports) {
        expect(report).toEqual({ lost: [], unknown: [], outOfOrder: [], overlaps: 0 })
      }
    },
    60_000,
  )

  // What a server forgets over a restart the model keeps, as the service does.
  test.each([false, true])(
    'a FIFO queue keeps its order over two outages longer than its leases, copied from: %s',
    async (fansOut) => {
      const startedAt = clock.monotonic()
      const isOut = (): boolean => {
        const ms = clock.monotonic() - startedAt
        return [1_000, 20_000].some((from) => ms > from && ms < from + 12_000)
      }
      const seed = seeds.integer(0, 2 ** 31)
      const { reports, left } = await run({
        ...{ suffix: '.fifo', seed, fansOut, through: (client) => failingWhile(isOut, client) },
      })
      expect(left).toEqual(left.map(() => 0))
      for (const { repeated: _, ...report } of reports) {
        expect(report).toEqual({ lost: [], unknown: [], outOfOrder: [], overlaps: 0 })
      }
    },
    60_000,
  )

  test('an adapter that does not look at each entry of an answer loses records', async () => {
    const through = (client: SqsClient): SqsClient => ({
      ...bound(client),
      sendMessageBatch: async (input, options) => {
        await client.sendMessageBatch(input, options)
        return { Successful: input.Entries.map(({ Id }) => ({ Id })), Failed: [] }
      },
    })
    const { reports } = await run({ suffix: '.fifo', seed: 1, through })
    expect(reports[0]?.lost.length).toBeGreaterThan(0)
  })
})

/** Neither a call nor the answer to one that was under way goes through while `isOut`. */
function failingWhile(isOut: () => boolean, client: SqsClient): SqsClient {
  const check = (): void => {
    if (isOut()) throw Object.assign(new Error('connect ECONNREFUSED'), { name: 'TimeoutError' })
  }
  const through =
    <I, O>(call: (input: I) => Promise<O>) =>
    async (input: I): Promise<O> => {
      check()
      const output = await call(input)
      check()
      return output
    }
  const whole = bound(client)
  return {
    sendMessageBatch: through(whole.sendMessageBatch),
    receiveMessage: through(whole.receiveMessage),
    deleteMessageBatch: through(whole.deleteMessageBatch),
    changeMessageVisibilityBatch: through(whole.changeMessageVisibilityBatch),
    getQueueAttributes: whole.getQueueAttributes,
  }
}

/** The methods of a client, to be replaced one by one. */
function bound(client: SqsClient): SqsClient {
  return {
    sendMessageBatch: client.sendMessageBatch.bind(client),
    receiveMessage: client.receiveMessage.bind(client),
    deleteMessageBatch: client.deleteMessageBatch.bind(client),
    changeMessageVisibilityBatch: client.changeMessageVisibilityBatch.bind(client),
    getQueueAttributes: client.getQueueAttributes.bind(client),
  }
}

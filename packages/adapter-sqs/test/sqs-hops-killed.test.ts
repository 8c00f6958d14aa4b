import { type Queue, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { type SqsClient, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'
import { mortalClient } from './mortal-client.ts'

const minuteMs = 60_000
const pulling = { maxRecords: 10, maxBytes: 1_000_000, signal: new AbortController().signal }

type Call = 'sendMessageBatch' | 'deleteMessageBatch'

/** Its process dies as it is about to make that call: nothing of it goes out. */
function dyingBefore(model: SqsModel, call: Call): { client: SqsClient; hasDied: () => boolean } {
  const mortal = mortalClient(model)
  let hasDied = false
  const die = () => {
    hasDied = true
    mortal.die()
    return new Promise<never>(() => {})
  }
  return { client: { ...mortal.client, [call]: die }, hasDied: () => hasDied }
}

test.each([
  { kind: 'standard', call: 'sendMessageBatch', copies: 1 },
  { kind: 'standard', call: 'deleteMessageBatch', copies: 2 },
  { kind: 'FIFO', call: 'sendMessageBatch', copies: 1 },
  { kind: 'FIFO', call: 'deleteMessageBatch', copies: 2 },
] as const)(
  'a record on a $kind queue whose hop is cut off before $call is there $copies times, comes when it is due, and leaves nothing',
  async ({ kind, call, copies }) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const isFifo = kind === 'FIFO'
    const queueUrl = model.createQueue(isFifo ? 'records.fifo' : 'records')
    const delayQueueUrl = isFifo ? model.createQueue('delays') : undefined
    const open = async (client: SqsClient): Promise<Queue> => {
      const queue = sqsQueue({ client, queueUrl, delayQueueUrl, waitMs: 20_000 })
      await queue.open({
        ...{ namespace: 'hops', targets: ['only'], directory: undefined, clock },
        ...{ random: systemRandom, reportError: () => {} },
      })
      return queue
    }
    const [producing, dying] = [await open(model), dyingBefore(model, call)]
    const dueAt = clock.now() + 40 * minuteMs
    const record = makeStoredRecord({ writtenAt: clock.now(), key: 'a', dueAt })
    await clock.runUntil((await producing.producer()).send([record]))
    const dead = await (await open(dying.client)).consumer('only')
    void dead.pull(pulling).catch(() => {}) // nobody answers it any more
    // Its first hop is over, and it is sent on.
    await clock.advance(16 * minuteMs)
    expect(dying.hasDied()).toBe(true)
    expect(model.size(delayQueueUrl ?? queueUrl)).toBe(copies)
    const consumer = await (await open(model)).consumer('only')
    const came: number[] = []
    const taking = (async () => {
      for (;;) {
        const deliveries = await consumer.pull(pulling)
        if (deliveries.length === 0) return
        came.push(...deliveries.map(() => clock.now()))
        expect(deliveries.map(({ record: { id } }) => id)).toEqual(deliveries.map(() => record.id))
        await consumer.ack(deliveries)
      }
    })()
    await clock.advance(dueAt - clock.now() + minuteMs)
    await clock.runUntil(consumer.close())
    await clock.runUntil(taking)
    // The second of two is dropped by a FIFO queue as it is moved there.
    expect(came).toHaveLength(isFifo ? 1 : copies)
    for (const at of came) expect(at - dueAt).toBeGreaterThanOrEqual(0)
    for (const at of came) expect(at - dueAt).toBeLessThan(1_000)
    expect(model.size(queueUrl) + (delayQueueUrl ? model.size(delayQueueUrl) : 0)).toBe(0)
  },
)

import { type Queue, systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import { type SqsClient, sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

let clock: VirtualClock
let model: SqsModel
let queueUrl: string
let errors: string[]
beforeEach(() => {
  clock = new VirtualClock()
  model = new SqsModel({ clock })
  queueUrl = model.createQueue('records.fifo')
  errors = []
})

async function openQueue(client: SqsClient): Promise<Queue> {
  const queue = sqsQueue({ client, queueUrl })
  await queue.open({
    ...{ namespace: 'leases', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  return queue
}

/** A client whose renewals fail so many times for one entry of each batch, and go through for the others. */
function refusingOne(Code: string, times: number): SqsClient {
  let left = times
  const change: SqsModel['changeMessageVisibilityBatch'] = async (input) => {
    if (left-- <= 0) return model.changeMessageVisibilityBatch(input)
    const [first, ...others] = input.Entries
    const failure = { Id: first?.Id, Code, SenderFault: false }
    if (others.length === 0) return { Failed: [failure] }
    const rest = await model.changeMessageVisibilityBatch({ ...input, Entries: others })
    return { ...rest, Failed: [...(rest.Failed ?? []), failure] }
  }
  return new Proxy<SqsClient>(model, {
    get: (target, member) => {
      if (member === 'changeMessageVisibilityBatch') return change
      const value = Reflect.get(target, member)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const pulling = { maxRecords: 10, maxBytes: 1e9, signal: new AbortController().signal }
const recordOf = (key: string) => makeStoredRecord({ writtenAt: clock.now(), key })

describe('a renewal that SQS refuses for one entry', () => {
  test.each(['InternalError', 'RequestThrottled'])(
    'with %s ends that lease before anybody else gets the message',
    async (code) => {
      const queue = await openQueue(refusingOne(code, Number.POSITIVE_INFINITY))
      const records = [recordOf('refused'), recordOf('renewed')]
      await clock.runUntil((await queue.producer()).send(records))
      const consumer = await queue.consumer('only')
      const [refused, renewed] = await clock.runUntil(consumer.pull(pulling))
      const second = await (await openQueue(model)).consumer('only')
      const [again] = await clock.runUntil(second.pull(pulling), { withinMs: 60_000 })
      expect(again?.record.id).toBe(refused?.record.id)
      expect(refused?.lease?.aborted).toBe(true)
      expect(renewed?.lease?.aborted).toBe(false)
      expect(errors[0]).toContain(code)
      await clock.runUntil(consumer.close())
      await clock.runUntil(second.close())
    },
  )

  test('ends the leases of all that is held of its group, and of no other', async () => {
    const queue = await openQueue(refusingOne('InternalError', Number.POSITIVE_INFINITY))
    const records = [recordOf('a'), recordOf('a'), recordOf('b')]
    await clock.runUntil((await queue.producer()).send(records))
    const consumer = await queue.consumer('only')
    const deliveries = await clock.runUntil(consumer.pull(pulling))
    await clock.advance(31_000)
    expect(deliveries.map(({ lease }) => lease?.aborted)).toEqual([true, true, false])
    await clock.runUntil(consumer.close())
  })

  test('is asked again while there is time, and the lease is kept', async () => {
    const queue = await openQueue(refusingOne('InternalError', 2))
    await clock.runUntil((await queue.producer()).send([recordOf('a')]))
    const consumer = await queue.consumer('only')
    const [delivery] = await clock.runUntil(consumer.pull(pulling))
    await clock.advance(5 * 60_000)
    expect(delivery?.lease?.aborted).toBe(false)
    expect(errors).toHaveLength(2)
    await clock.runUntil(consumer.ack(delivery ? [delivery] : []))
    expect(model.size(queueUrl)).toBe(0)
    await clock.runUntil(consumer.close())
  })
})

import { systemRandom } from '@daybook/core'
import { makeStoredRecord, SeededRandom, VirtualClock } from '@daybook/core/testing'
import { describe, expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { troubledModel } from './support/troubled-model.ts'

const pulling = { maxRecords: 100, maxBytes: 1_000_000, signal: new AbortController().signal }
const count = 45

/** A FIFO queue whose companion hands messages out in any order, as SQS may. */
async function opened() {
  const clock = new VirtualClock()
  const seed = new SeededRandom(Number(process.env['DAYBOOK_SEED'])).integer(0, 2 ** 31)
  const model = troubledModel(clock, seed, { disordered: 1 })
  const queue = sqsQueue({
    ...{ client: model, queueUrl: model.createQueue('records.fifo'), waitMs: 1_000 },
    delayQueueUrl: model.createQueue('delays'),
  })
  const errors: string[] = []
  await queue.open({
    ...{ namespace: 'due', targets: ['only'], directory: undefined, clock },
    ...{ random: systemRandom, reportError: ({ message }) => errors.push(message) },
  })
  const send = async (dueAts: readonly number[]) => {
    const writtenAt = clock.now()
    const records = dueAts.map((dueAt) => makeStoredRecord({ writtenAt, key: 'a', dueAt }))
    await clock.runUntil((await queue.producer()).send(records))
  }
  const takeAll = async (): Promise<readonly number[]> => {
    const consumer = await queue.consumer('only')
    const dueAts: number[] = []
    while (dueAts.length < count) {
      const deliveries = await clock.runUntil(consumer.pull(pulling), { withinMs: 120_000 })
      dueAts.push(...deliveries.map(({ record: { dueAt = 0 } }) => dueAt))
      await clock.runUntil(consumer.ack(deliveries))
    }
    await clock.runUntil(consumer.close())
    await clock.runUntil(queue.close())
    expect(errors).toEqual([])
    return dueAts
  }
  return { clock, send, takeAll }
}

const ascending = (numbers: readonly number[]) => numbers.toSorted((a, b) => a - b)

describe('delayed records of a key on a FIFO queue come in the order in which they are due', () => {
  test('where all of them became due while no process ran', async () => {
    const { clock, send, takeAll } = await opened()
    const from = clock.now() + 60_000
    await send(Array.from({ length: count }, (_, at) => from + at * 500))
    await clock.advance(600_000)
    const came = await takeAll()
    expect(came).toEqual(ascending(came))
  })

  test('where as many as that become due within a second', async () => {
    const { clock, send, takeAll } = await opened()
    const from = clock.now() + 60_000
    await send(Array.from({ length: count }, (_, at) => from + at * 7))
    const came = await takeAll()
    expect(came).toEqual(ascending(came))
  })
})

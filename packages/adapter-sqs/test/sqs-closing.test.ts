import { systemRandom } from '@daybook/core'
import { makeStoredRecord, VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { sqsQueue } from '../src/index.ts'
import { SqsModel } from '../src/testing/index.ts'

test.each(['records', 'records.fifo'])(
  'a close of a consumer of the queue %s lets the receive under way end, and gives back what that brings',
  async (name) => {
    const clock = new VirtualClock()
    const model = new SqsModel({ clock })
    const queueUrl = model.createQueue(name)
    const open = async () => {
      const queue = sqsQueue({ client: model, queueUrl, waitMs: 5_000, visibilityMs: 3_600_000 })
      await queue.open({
        ...{ namespace: 'closing', targets: ['only'], directory: undefined, clock },
        ...{ random: systemRandom, reportError: () => {} },
      })
      return queue
    }
    const [queue, other] = [await open(), await open()]
    const consumer = await queue.consumer('only')
    const { signal } = new AbortController()
    const pulling = { maxRecords: 10, maxBytes: 1e9, signal }
    const pulled = consumer.pull(pulling)
    await clock.advance(1_000)
    const closing = consumer.close()
    expect(await pulled).toEqual([])
    const record = makeStoredRecord({ key: 'a' })
    await clock.runUntil((await other.producer()).send([record]))
    await clock.runUntil(closing)
    // Longer than any receive waits.
    await clock.advance(10_000)
    const next = await other.consumer('only')
    const before = clock.monotonic()
    const deliveries = await clock.runUntil(next.pull(pulling))
    expect(deliveries.map(({ record: { id } }) => id)).toEqual([record.id])
    // Had it been left to its visibility, it would have taken an hour.
    expect(clock.monotonic() - before).toBeLessThan(1_000)
    await clock.runUntil(next.close())
  },
)

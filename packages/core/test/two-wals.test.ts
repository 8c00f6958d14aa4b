import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, type Queue } from '../src/index.ts'

/** A queue whose records were all under way when a process died. */
function queueOfSuspects(): Queue {
  const queue = memoryQueue()
  const open = queue.consumer.bind(queue)
  queue.consumer = async (target) => {
    const consumer = await open(target)
    const pull = consumer.pull.bind(consumer)
    consumer.pull = async (options) =>
      (await pull(options)).map((delivery) => ({
        ...delivery,
        attempts: { ...delivery.attempts, spent: 1, interrupted: 1 },
      }))
    return consumer
  }
  return queue
}

describe('two wals in one process', () => {
  it('apply what may have killed a process with nothing else under way in either', async () => {
    let underWay = 0
    let most = 0
    const open = async () => {
      const wal = await createWal({
        namespaces: {
          films: {
            queue: queueOfSuspects(),
            concurrency: 4,
            targets: {
              search: {
                idempotency: 'id',
                largestBatch: { maxRecords: 1 },
                async apply() {
                  most = Math.max(most, ++underWay)
                  await new Promise(setImmediate)
                  underWay--
                },
              },
            },
          },
        },
      })
      for (let i = 0; i < 20; i++) await wal.write('films', { key: `k${i}`, payload: i })
      return wal
    }
    const wals = await Promise.all([open(), open()])
    await Promise.all(wals.map((wal) => wal.start()))
    const reports = await Promise.all(wals.map((wal) => wal.drain()))
    expect(reports.map(({ films }) => films.search.applied)).toEqual([20, 20])
    expect(most).toBe(1)
    await Promise.all(wals.map((wal) => wal.close()))
  })
})

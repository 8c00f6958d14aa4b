import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue } from '../src/index.ts'

describe('start', () => {
  it('is waited for by a close beside it, after which nothing is applied', async () => {
    const applied: unknown[] = []
    const queue = memoryQueue()
    const consumer = queue.consumer.bind(queue)
    queue.consumer = async (target) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return consumer(target)
    }
    const wal = await createWal({
      namespaces: {
        n: {
          queue,
          targets: {
            t: {
              idempotency: 'id',
              async apply(records) {
                applied.push(...records)
              },
            },
          },
        },
      },
    })
    await wal.write('n', { key: 'k', payload: 1 })
    const starting = wal.start()
    await wal.close()
    await expect(starting).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    const { length } = applied
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(applied).toHaveLength(length)
  })

  it('does not apply a record once for each try while a target is being opened', async () => {
    const applied: unknown[] = []
    const { promise: opened, resolve: open } = Promise.withResolvers<void>()
    const wal = await createWal({
      namespaces: {
        n: {
          queue: memoryQueue(),
          applyTimeout: 20,
          retry: { maxAttempts: 2, minDelay: 1, maxDelay: 1 },
          breaker: { minOpen: 5, maxOpen: 10 },
          targets: {
            t: {
              idempotency: 'none',
              open: () => opened,
              async apply(records) {
                applied.push(...records.map(({ payload }) => payload))
              },
            },
          },
        },
      },
    })
    for (const payload of [1, 2, 3]) await wal.write('n', { key: 'k', payload })
    const starting = wal.start()
    setTimeout(open, 300)
    await starting
    await wal.drain()
    expect(applied).toEqual([1, 2, 3])
    await wal.close()
  })

  it.each([
    [{ atOnce: 0, records: 1 }, ['atOnce']],
    [{ atOnce: Number.NaN, records: -1 }, ['atOnce', 'records']],
    [{ atOnce: 1.5, records: '10' }, ['atOnce', 'records']],
    [{ atOnce: 1, records: Number.POSITIVE_INFINITY }, ['records']],
    [7, []],
    [null, []],
  ])('is refused with a consumer that declares acks %o', async (acks, wrong) => {
    const queue = memoryQueue()
    const consumer = queue.consumer.bind(queue)
    queue.consumer = async (target) => Object.assign(await consumer(target), { acks })
    const wal = await createWal({
      namespaces: { n: { queue, targets: { t: async () => {} } } },
    })
    const path = "namespaces.n.queue.consumer('t').acks"
    const paths = wrong.length === 0 ? [path] : wrong.map((name) => `${path}.${name}`)
    await expect(wal.start()).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      issues: paths.map((one) => ({ path: one })),
    })
    await wal.close()
  })
})

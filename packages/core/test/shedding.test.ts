import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, OverloadedError, type Queue } from '../src/index.ts'

/** A memory queue whose producer answers when the test says so. */
function stalled() {
  const queue: Queue = memoryQueue()
  const { promise: open, resolve } = Promise.withResolvers<void>()
  const producer = queue.producer.bind(queue)
  queue.producer = async () => {
    const real = await producer()
    return {
      send: async (records, options) => {
        await open
        return real.send(records, options)
      },
      close: () => real.close(),
    }
  }
  return { queue, resume: resolve }
}

async function walOf(overload: 'wait' | 'shed') {
  const { queue, resume } = stalled()
  const wal = await createWal({
    namespaces: {
      n: {
        queue,
        overload,
        limits: { inFlightBytes: 1000 },
        writeTimeout: 20,
        targets: { t: { idempotency: 'id', async apply() {} } },
      },
    },
  })
  const first = wal.tryWrite('n', { key: 'k', payload: 'x'.repeat(700) })
  return { wal, resume, first }
}

const large = { key: 'k', payload: 'x'.repeat(700) }

describe('a namespace with too many bytes in flight', () => {
  it('sheds a write with OverloadedError, and says when to try again', async () => {
    const { wal, resume } = await walOf('shed')
    const error = await wal.write('n', large).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(OverloadedError)
    expect(error).toMatchObject({ retryAfterMs: 100, retryable: true })
    resume()
    await wal.close()
  })

  it('tells tryWrite and writeMany of shed records in receipts', async () => {
    const { wal, resume } = await walOf('shed')
    expect(await wal.tryWrite('n', large)).toMatchObject({
      durable: 'no',
      error: { code: 'ERR_OVERLOADED' },
    })
    expect(await wal.writeMany('n', [large, large])).toMatchObject([
      { durable: 'no' },
      { durable: 'no' },
    ])
    resume()
    await wal.close()
  })

  it('lets a write wait, and answers no when its time is up', async () => {
    const { wal, resume } = await walOf('wait')
    const overloads: unknown[] = []
    wal.on('overloaded', (event) => overloads.push(event))
    const error = await wal.write('n', large).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(OverloadedError)
    expect(error).toMatchObject({ retryAfterMs: 100, retryable: true })
    expect(overloads).toEqual([{ namespace: 'n', waiting: true }])
    resume()
    await wal.close()
  })
})

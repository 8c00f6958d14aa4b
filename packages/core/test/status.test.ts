import { describe, expect, it } from 'vitest'
import { createWal, memoryQueue, permanent, type Queue } from '../src/index.ts'
import { temporaryDirectory } from './queue/file/support/temporary-directory.ts'

async function open(kind: 'memory' | 'file', queue: Queue | undefined = undefined) {
  const wal = await createWal({
    directory: kind === 'file' ? await temporaryDirectory() : undefined,
    namespaces: {
      films: {
        queue: queue ?? (kind === 'memory' ? memoryQueue() : undefined),
        targets: {
          search: { idempotency: 'id', apply: async () => {} },
          archive: {
            idempotency: 'id',
            apply: async (records) => records.map(() => permanent('NO', 'never')),
          },
        },
      },
    },
  })
  const targets = async () => (await wal.status()).namespaces.films.targets
  return { wal, films: wal.namespace('films'), targets }
}

describe.each(['memory', 'file'] as const)('the status of a wal on a %s queue', (kind) => {
  it('tells before start what is to be done for each target', async () => {
    const { wal, films, targets } = await open(kind)
    const empty = { pending: 0, delayed: 0, lagMs: 0, dead: 0, delivery: undefined }
    expect(await targets()).toEqual({ search: empty, archive: empty })
    await films.write({ key: 'a', payload: 1 })
    await films.write({ key: 'b', payload: 2, delay: '1h' })
    const two = { ...empty, pending: 1, delayed: 1, lagMs: expect.any(Number) }
    expect(await targets()).toEqual({ search: two, archive: two })
    await films.write({ key: 'd', payload: 4 })
    expect(await targets()).toMatchObject({ search: { pending: 2 }, archive: { pending: 2 } })
    await wal.close()
  })

  it('goes on after start, with the counts of the delivery', async () => {
    const { wal, films, targets } = await open(kind)
    await films.write({ key: 'a', payload: 1 })
    await targets()
    const [, now] = await Promise.all([wal.start(), targets()])
    expect(now.search.delivery).toBeDefined()
    await wal.drain()
    expect(await targets()).toMatchObject({
      search: { pending: 0, dead: 0, delivery: { pending: 0, applied: 1 } },
      archive: { pending: 0, dead: 1, delivery: { deadLettered: 1 } },
    })
    await wal.close()
  })

  it('leaves nothing open that would keep the wal from being closed and opened again', async () => {
    const queue = kind === 'memory' ? memoryQueue() : undefined
    const { wal, targets } = await open(kind, queue)
    await targets()
    await wal.close()
    await expect(targets()).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })
})

describe('the status of a wal on a shared queue', () => {
  it('opens no consumer before start, and says that it cannot tell', async () => {
    const queue = memoryQueue()
    const consumer = queue.consumer.bind(queue)
    let opened = 0
    const shared = Object.assign(Object.create(queue), {
      supports: { ...queue.supports, shared: true },
      open: queue.open.bind(queue),
      producer: queue.producer.bind(queue),
      deadLetters: queue.deadLetters.bind(queue),
      highestVersion: queue.highestVersion?.bind(queue),
      close: queue.close.bind(queue),
      consumer(target: string) {
        opened++
        return consumer(target)
      },
    }) as Queue
    const { wal, films, targets } = await open('memory', shared)
    await films.write({ key: 'a', payload: 1 })
    expect(await targets()).toMatchObject({
      search: { pending: undefined, delayed: undefined, lagMs: undefined },
    })
    expect(opened).toBe(0)
    await wal.close()
  })
})

import { expect, test } from 'vitest'
import {
  createWal,
  fanOut,
  memoryQueue,
  type QueueContext,
  type Target,
  type,
} from '../src/index.ts'
import { VirtualClock } from '../src/testing/index.ts'

test('status tells how often a queue sends delayed records on, in all and a second', async () => {
  const clock = new VirtualClock()
  const queue = memoryQueue()
  const open = queue.open.bind(queue)
  const contexts: QueueContext[] = []
  queue.open = (context) => {
    contexts.push(context)
    return open(context)
  }
  const target: Target = { idempotency: 'version', async apply() {} }
  const options = { payload: type<unknown>(), queue, targets: { target } }
  const wal = await createWal({
    clock,
    namespaces: { films: fanOut({ ...options, deadLetters: 'off' }) },
  })
  const hops = async () => (await wal.status()).namespaces.films.hops
  expect(await hops()).toEqual({ total: 0, perSecond: 0 })
  await clock.advance(10_000)
  contexts[0]?.delayHopped?.(50)
  expect(await hops()).toEqual({ total: 50, perSecond: 5 })
  await clock.advance(20_000)
  contexts[0]?.delayHopped?.(10)
  expect(await hops()).toEqual({ total: 60, perSecond: 2 })
  await clock.advance(41_000)
  expect(await hops()).toEqual({ total: 60, perSecond: 10 / 60 })
  await clock.advance(60_000)
  expect(await hops()).toEqual({ total: 60, perSecond: 0 })
  await wal.close()
})

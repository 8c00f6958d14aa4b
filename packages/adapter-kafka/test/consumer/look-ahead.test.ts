import { VirtualClock } from '@daybook/core/testing'
import { expect, test } from 'vitest'
import { LookAhead } from '../../src/consumer/look-ahead.ts'
import type { Partition } from '../../src/consumer/partition.ts'
import type { QueueParts } from '../../src/queue-parts.ts'
import { silentAtFirst } from '../support/silent-readers.ts'

const entries = [3, 4, 5].map((offset) => {
  return { ...{ key: null, value: null, headers: new Map() }, offset, timestamp: 0 }
})

function lookAhead(silent: number, ends = async () => new Map([['films/0', 5]])) {
  const { client, counts } = silentAtFirst(silent, entries)
  const clock = new VirtualClock()
  const options = { topic: 'films' }
  const parts = { client, options, context: { clock }, lag: { ends } } as unknown as QueueParts
  const partitions = [{ place: { topic: 'films', partition: 0 }, next: 3 } as Partition]
  const found: number[] = []
  const ahead = new LookAhead(parts, { partitions })
  const begin = (signal: AbortSignal): Promise<void> =>
    ahead.run(signal, (_, { offset }) => void found.push(offset))
  const run = () => clock.runUntil(begin(new AbortController().signal))
  return { begin, run, found, counts, clock }
}

test('looking ahead goes from where the member has come to up to the end of that moment', async () => {
  const { run, found, counts } = lookAhead(0)
  await run()
  expect(found).toEqual([3, 4])
  await run()
  expect(counts).toEqual({ opened: 1, closed: 0 })
})

test('looking ahead that hears nothing for half a minute is given up, and done anew by a new reader', async () => {
  const { run, found, counts, clock } = lookAhead(1)
  const startedAt = clock.monotonic()
  await expect(run()).rejects.toMatchObject({
    ...{ code: 'ERR_IO', retryable: true },
    message: expect.stringContaining('nothing came for 30000 ms, waiting for offset 3'),
  })
  expect(clock.monotonic() - startedAt).toBe(30_000)
  expect(counts).toEqual({ opened: 1, closed: 1 })
  await run()
  expect(found).toEqual([3, 4])
})

test('looking ahead is given up, too, where nobody says how far the topic goes', async () => {
  const { run } = lookAhead(0, () => new Promise(() => {}))
  await expect(run()).rejects.toMatchObject({ code: 'ERR_IO', retryable: true })
})

test('looking ahead ends without an error when it is aborted', async () => {
  const { begin, found } = lookAhead(1)
  const stop = new AbortController()
  const running = begin(stop.signal)
  stop.abort()
  await running
  await begin(stop.signal)
  expect(found).toEqual([])
})

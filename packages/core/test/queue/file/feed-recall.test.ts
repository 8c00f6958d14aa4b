import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { HookedFileSystem } from './support/hooked-file-system.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

describe('the recall of a delayed record', () => {
  const places = [
    ['in memory', 100],
    ['in a run', 2],
  ] as const
  it.each(places)(
    'is too late for one that was %s and is being read to go out',
    async (_, size) => {
      const disk = new HookedFileSystem()
      const clock = new VirtualClock()
      const directory = await temporaryDirectory()
      const options = { directory, fileSystem: disk, scheduleRecords: size }
      const opened = await OpenQueue.open(options, clock)
      const consumer = await opened.consumer()
      const dueAt = clock.now() + 1000
      const [record] = await opened.send({ key: 'a', dueAt })
      for (let count = 0; count < 4; count++) {
        await opened.send({ key: 'b', dueAt: dueAt + 1 })
        expect(await pullNow(consumer)).toEqual([])
      }
      await clock.advance(1000)
      const read = disk.holdUpRead((path) => path.endsWith('.segment'))
      const pulled = pullNow(consumer)
      await read.isBegun
      const recall = await opened.queue.recall?.(record?.id ?? '')
      read.goOn()
      expect(keysOf(await pulled)).toEqual(['a'])
      expect(recall?.findings.get('search')).toBe('tooLate')
      recall?.letGo()
      await consumer.close()
      await opened.queue.close()
    },
  )

  it('finds it also while its consumer is being closed, and holds it for the next', async () => {
    const clock = new VirtualClock()
    const directory = await temporaryDirectory()
    const opened = await OpenQueue.open({ directory, scheduleRecords: 2 }, clock)
    for (let turns = 0; turns < 12; turns++) {
      const consumer = await opened.consumer()
      const [record] = await opened.send({ key: `${turns}`, dueAt: clock.now() + 1000 })
      await opened.send({ dueAt: clock.now() + 1_000_000 })
      expect(await pullNow(consumer)).toEqual([])
      const closed = consumer.close()
      for (let turn = 0; turn < turns; turn++) await (turn % 3 === 2 ? setImmediate() : undefined)
      const recall = await opened.queue.recall?.(record?.id ?? '')
      expect(recall?.findings.get('search'), `after ${turns} turns`).toBe('held')
      await closed
      const next = await opened.consumer()
      await clock.advance(1000)
      expect(await pullNow(next)).toEqual([])
      await recall?.takeBack()
      expect(await pullNow(next)).toEqual([])
      await next.close()
    }
    expect(opened.errors).toEqual([])
    await opened.queue.close()
  })
})

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
})

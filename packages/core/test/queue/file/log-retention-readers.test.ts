import { describe, expect, it } from 'vitest'
import { HookedFileSystem } from './support/hooked-file-system.ts'
import {
  append,
  clock,
  disk,
  keptFiles,
  open,
  search,
  unlimited,
} from './support/log-retention-setup.ts'

describe('a reader of a log with a retention', () => {
  it('goes on with the first record that is kept where its next one has gone', async () => {
    const log = await open({ bytes: 12_000 })
    search.lastingThrough = unlimited
    const reader = log.reader(1)
    await append(log, 2)
    const limits = { maxRecords: 1, maxBytes: 1 }
    expect((await reader.read(limits)).map(({ sequence }) => sequence)).toEqual([1])
    const { address } = (await log.reader(1).read(limits))[0] ?? { address: -1 }
    await append(log, 4)
    expect(keptFiles(log)[0]).toBeGreaterThan(3)
    expect((await reader.read(limits))[0]?.sequence).toBe(log.firstSequence)
    await expect(log.readAt(address)).rejects.toMatchObject({ code: 'ERR_NOT_KEPT' })
    await reader.close()
    await log.close()
  })

  it('has given up the file of a segment by the time that is removed', async () => {
    const log = await open({ bytes: 12_000 })
    const opened = new Map<string, number>()
    disk.fault = ({ kind, path }) => {
      if (kind === 'open' || kind === 'create') opened.set(path, (opened.get(path) ?? 0) + 1)
      if (kind === 'close') opened.set(path, (opened.get(path) ?? 0) - 1)
      if (kind === 'remove' || kind === 'rename')
        expect([path, opened.get(path) ?? 0]).toEqual([path, 0])
      return undefined
    }
    await append(log, 2)
    const readers = [log.reader(1), log.reader(2)]
    const reads = readers.map((reader) => reader.read({ maxRecords: 1, maxBytes: 1 }))
    const [entry] = (await reads[0]) ?? []
    const lookup = log.readAt(entry?.address ?? 0)
    search.lastingThrough = unlimited
    await append(log, 6)
    await Promise.all([...reads, lookup])
    expect(keptFiles(log)[0]).toBeGreaterThan(5)
    for (const reader of readers) await reader.close()
    await log.close()
  })

  it('lets a reader go on that is just opening a segment, and removes that after', async () => {
    const hooked = new HookedFileSystem(disk)
    const log = await open({ bytes: 12_000 }, { fileSystem: hooked })
    await append(log, 3)
    const opened = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    hooked.hook = async (call, path) => {
      if (call !== 'open' || !path.includes('000001.segment')) return
      hooked.hook = () => {}
      opened.resolve()
      await goOn.promise
    }
    const reader = log.reader(1)
    const read = reader.read({ maxRecords: 1, maxBytes: 1 })
    await opened.promise
    search.lastingThrough = unlimited
    await append(log, 6)
    goOn.resolve()
    expect((await read).map(({ sequence }) => sequence)).toEqual([1])
    await clock.settle()
    expect(log.firstSequence).toBeGreaterThan(5)
    expect(keptFiles(log)[0]).toBeGreaterThan(5)
    await reader.close()
    await log.close()
  })
})

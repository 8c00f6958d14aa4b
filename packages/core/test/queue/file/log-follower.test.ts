import { describe, expect, it } from 'vitest'
import { openLog } from '../../../src/queue/file/log.ts'
import { makeStoredRecord } from '../../../src/testing/make-record.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { directory, logOptions, seed } from '../../simulation/log-workload.ts'
import { append, open, search, unlimited } from './support/log-retention-setup.ts'

const limits = { maxRecords: 100, maxBytes: 1 << 20 }

/** A log on a disk that counts how often its files are opened and read. */
async function openCounting() {
  const disk = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  await disk.makeDirectory(directory)
  let reads = 0
  disk.fault = ({ kind }) => {
    if (kind === 'read' || kind === 'open') reads += 1
    return undefined
  }
  const log = await openLog(logOptions(disk, { segmentBytes: 4 << 20 }))
  return { log, readsSince: (before = 0) => reads - before }
}

describe('a follower of a log', () => {
  it('that is near reads nothing from the disk, and sees what was written at the call', async () => {
    const { log, readsSince } = await openCounting()
    const followers = [log.follow(1), log.follow(1)]
    const before = readsSince()
    for (let group = 0; group < 5; group++) {
      const payload = Buffer.from(`payload ${group}`)
      const appended = log.append([makeStoredRecord({ payload })])
      payload.fill('x')
      await appended
      for (const follower of followers) {
        const [entry, ...more] = await follower.read(limits)
        expect(more).toEqual([])
        expect(Buffer.from(entry?.record.payload ?? []).toString()).toBe(`payload ${group}`)
        entry?.record.payload?.fill(0)
      }
    }
    expect(await followers[0]?.read(limits)).toEqual([])
    expect(readsSince(before)).toBe(0)
    await log.close()
  })

  it('that fell behind reads the files, and memory again once it is near', async () => {
    const { log, readsSince } = await openCounting()
    const follower = log.follow(1)
    const write = (bytes: number) =>
      log.append([makeStoredRecord({ payload: Buffer.alloc(bytes) })])
    const sequences = async () => (await follower.read(limits)).map(({ sequence }) => sequence)
    await write(100)
    expect(await sequences()).toEqual([1])
    const before = readsSince()
    await write(300_000)
    await write(100)
    expect(await sequences()).toEqual([2, 3])
    const between = readsSince()
    expect(between).toBeGreaterThan(before)
    await write(100)
    expect(await sequences()).toEqual([4])
    expect(readsSince(between)).toBe(0)
    await follower.close()
    await expect(follower.read(limits)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await log.close()
  })

  it('goes on with the first record that is kept, as any reader does', async () => {
    const log = await open({ bytes: 12_000 })
    await append(log)
    const follower = log.follow(1)
    await follower.read(limits)
    search.lastingThrough = unlimited
    await append(log, 6)
    expect(log.firstSequence).toBeGreaterThan(3)
    expect((await follower.read(limits))[0]?.sequence).toBe(log.firstSequence)
    await follower.close()
    await log.close()
  })
})

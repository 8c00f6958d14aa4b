import { beforeEach, describe, expect, it } from 'vitest'
import { type Ownership, takeOwnership } from '../../../src/queue/file/owner.ts'
import type { OwnerLock } from '../../../src/queue/file/owner-lock.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { SimulatedFileSystem } from '../../../src/testing/simulated-file-system.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { openLock } from './support/open-lock.ts'

const seed = Number(process.env['DAYBOOK_SEED'])
const directory = '/wal/titles'

let disk: SimulatedFileSystem

beforeEach(async () => {
  disk = await newDisk()
})

async function newDisk(): Promise<SimulatedFileSystem> {
  const made = new SimulatedFileSystem({ random: new SeededRandom(seed) })
  await made.makeDirectory(directory)
  return made
}

function take(fileSystem = disk, lock = openLock): Promise<Ownership> {
  return takeOwnership({ directory, fileSystem, clock: new VirtualClock(), lock })
}

describe('takeOwnership', () => {
  it('counts up from one', async () => {
    expect((await take()).epoch).toBe(1)
    expect((await take()).epoch).toBe(2)
  })

  it('says in owner.json who it is', async () => {
    await take()
    expect(JSON.parse(disk.bytesOf(`${directory}/owner.json`).toString())).toMatchObject({
      epoch: 1,
      pid: process.pid,
      title: expect.stringContaining(process.title),
      since: '2024-01-01T00:00:00.000Z',
    })
    expect(disk.paths).toEqual([`${directory}/owner.json`])
  })

  it('never gives an epoch twice, whenever the power is cut', async () => {
    await take()
    const callsOfOne = disk.calls()
    for (let nth = 1; nth <= 2 * callsOfOne; nth++) {
      const stopped = await newDisk()
      const given: number[] = []
      const before = stopped.calls()
      stopped.fault = ({ number }) => (number === before + nth ? { halt: true } : undefined)
      const life = async (): Promise<void> => {
        for (let count = 0; count < 2; count++) given.push((await take(stopped)).epoch)
      }
      await Promise.race([life(), stopped.halted])
      for (const keep of ['none', 'all', 'random'] as const) {
        const { epoch } = await take(stopped.crash({ keep }))
        expect(epoch, `stopped at call ${nth}`).toBeGreaterThan(Math.max(0, ...given))
      }
    }
  })

  it('takes a directory on a full disk, and never gives an epoch twice there either', async () => {
    await take()
    const path = `${directory}/owner.json`
    const before = disk.bytesOf(path)
    disk.capacityBytes = before.length + 16
    expect((await take()).epoch).toBe(2)
    expect(disk.paths).toEqual([path])
    expect(JSON.parse(disk.bytesOf(path).toString())).toMatchObject({ epoch: 2, pid: process.pid })
    for (let nth = 1; nth <= 12; nth++) {
      const stopped = await newDisk()
      // So long that its end lies in another sector, which a power cut may keep as it was.
      stopped.put(path, Buffer.from(`{\n  "epoch": 7,\n  "title": "${'x'.repeat(2000)}"\n}\n`))
      stopped.capacityBytes = stopped.bytesOf(path).length
      const first = stopped.calls()
      stopped.fault = ({ number }) => (number === first + nth ? { halt: true } : undefined)
      const given: number[] = []
      const life = async (): Promise<void> => {
        given.push((await take(stopped)).epoch)
      }
      await Promise.race([life(), stopped.halted])
      for (const keep of ['none', 'all', 'random', 'random', 'random'] as const) {
        const { epoch } = await take(stopped.crash({ keep }))
        expect(epoch, `stopped at call ${nth}`).toBeGreaterThan(Math.max(7, ...given))
      }
    }
  })

  it('lets go of the lock if the epoch cannot be written', async () => {
    let released = 0
    const lock: OwnerLock = {
      isHeld: async () => true,
      release: async () => {
        released++
      },
    }
    disk.fault = ({ kind }) => (kind === 'sync' ? { fail: 'ENOSPC' } : undefined)
    await expect(take(disk, async () => lock)).rejects.toMatchObject({ code: 'ERR_DISK_FULL' })
    expect(released).toBe(1)
  })

  it('is lost to a later epoch, and to a lock that no longer holds', async () => {
    let isHeld = true
    const first = await take(disk, async () => ({
      isHeld: async () => isHeld,
      isHeldNow: () => isHeld,
      release: async () => {},
    }))
    await first.verify()
    expect(first.loss()).toBeUndefined()
    isHeld = false
    expect(first.loss()).toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
    await expect(first.verify()).rejects.toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
    isHeld = true
    await first.verify()
    await take()
    await expect(first.verify()).rejects.toMatchObject({ code: 'ERR_OWNERSHIP_LOST' })
  })

  it('says that somebody else holds the lock, also where nobody has written who', async () => {
    const refused = take(disk, async () => undefined)
    await expect(refused).rejects.toMatchObject({ code: 'ERR_DIRECTORY_IN_USE', retryable: true })
    await expect(refused).rejects.toThrow('another process')
    await take()
    await expect(take(disk, async () => undefined)).rejects.toThrow(`process ${process.pid}`)
  })
})

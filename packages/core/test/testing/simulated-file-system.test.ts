import { beforeEach, describe, expect, it } from 'vitest'
import { writeDurably } from '../../src/queue/file/durable-write.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { Keep } from '../../src/testing/simulated-file.ts'
import {
  type DiskFault,
  SimulatedFileSystem,
  type SimulatedFileSystemOptions,
} from '../../src/testing/simulated-file-system.ts'

const seed = Number(process.env['DAYBOOK_SEED'])

let disk: SimulatedFileSystem

function newDisk(options: Partial<SimulatedFileSystemOptions> = {}): SimulatedFileSystem {
  return new SimulatedFileSystem({ random: new SeededRandom(seed), ...options })
}

beforeEach(async () => {
  disk = newDisk()
  await disk.makeDirectory('/d')
})

/** A file of a thousand bytes `a`, lasting under its name. */
async function lastingFile(on = disk) {
  await on.makeDirectory('/d')
  const file = await on.create('/d/file')
  await file.write(Buffer.alloc(1000, 'a'), 0)
  await file.sync()
  await on.syncDirectory('/d')
  return file
}

function textAfter(keep: Keep, on = disk): string | undefined {
  const found = on.crash({ keep })
  return found.paths.includes('/d/file') ? found.bytesOf('/d/file').toString() : undefined
}

describe('a simulated disk', () => {
  it('keeps through a power cut what was synced, and what was not only if it is told to', async () => {
    const file = await lastingFile()
    await file.write(Buffer.alloc(1000, 'b'), 1000)
    expect(disk.bytesOf('/d/file')).toHaveLength(2000)
    expect(textAfter('none')).toBe('a'.repeat(1000))
    expect(textAfter('all')).toBe('a'.repeat(1000) + 'b'.repeat(1000))
    await file.sync()
    expect(textAfter('none')).toBe('a'.repeat(1000) + 'b'.repeat(1000))
  })

  it('loses a name that its directory was not synced for, though the file was', async () => {
    const file = await disk.create('/d/file')
    await file.write(Buffer.from('x'), 0)
    await file.sync()
    expect(textAfter('none')).toBeUndefined()
    expect(textAfter('all')).toBe('x')
    await disk.syncDirectory('/d')
    expect(textAfter('none')).toBe('x')
  })

  it('brings back what was renamed and removed without a sync of the directory', async () => {
    await lastingFile()
    disk.put('/d/other', Buffer.from('other'))
    await disk.rename('/d/other', '/d/file')
    expect(disk.paths).toEqual(['/d/file'])
    expect(textAfter('none')).toBe('a'.repeat(1000))
    expect(textAfter('all')).toBe('other')
    await disk.remove('/d/file')
    await disk.syncDirectory('/d')
    expect(textAfter('none')).toBeUndefined()
  })

  it('keeps some sectors, loses some and tears some of a write that was cut off', async () => {
    const file = await lastingFile()
    await file.write(Buffer.alloc(512 * 200, 'b'), 0)
    const found = disk.crash({ keep: 'random', random: new SeededRandom(seed) }).bytesOf('/d/file')
    const kinds = new Set<string>()
    for (let at = 1024; at + 512 <= found.length; at += 512) {
      const kept = found.subarray(at, at + 512).filter((byte) => byte !== 0).length
      kinds.add(kept === 512 ? 'kept' : kept === 0 ? 'lost' : 'torn')
    }
    // The size may be lost with the rest.
    if (found.length > 1000) expect([...kinds].sort()).toEqual(['kept', 'lost', 'torn'])
  })

  it('finds the same after a crash each time that it is asked with the same seed', async () => {
    const file = await lastingFile()
    await file.write(Buffer.alloc(512 * 50, 'b'), 0)
    const found = () =>
      disk.crash({ keep: 'random', random: new SeededRandom(7) }).bytesOf('/d/file')
    expect(found()).toEqual(found())
  })

  it('cuts a file off, lastingly only once that is synced', async () => {
    const file = await lastingFile()
    await file.truncate(10)
    expect(disk.bytesOf('/d/file').toString()).toBe('a'.repeat(10))
    expect(textAfter('none')).toBe('a'.repeat(1000))
    await file.sync()
    expect(textAfter('none')).toBe('a'.repeat(10))
  })

  it('syncs, when it writes durably, these bytes and no others', async () => {
    const file = await lastingFile()
    await file.write(Buffer.alloc(512, 'b'), 2048)
    await writeDurably(file, Buffer.alloc(512, 'c'), 1024)
    const found = disk.crash({ keep: 'none' }).bytesOf('/d/file')
    expect(found.subarray(1024, 1536).every((byte) => byte === 'c'.charCodeAt(0))).toBe(true)
    expect(found.subarray(2048).every((byte) => byte === 0)).toBe(true)
  })

  it('takes for clean what a failed sync has lost', async () => {
    const file = await lastingFile()
    await file.write(Buffer.alloc(1000, 'b'), 0)
    disk.fault = ({ kind }) => (kind === 'sync' ? { fail: 'EIO' } : undefined)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    disk.fault = () => undefined
    await file.sync()
    expect(disk.bytesOf('/d/file').toString()).toBe('b'.repeat(1000))
    expect(textAfter('none')).toBe('a'.repeat(1000))
    expect(textAfter('all')).toBe('a'.repeat(1000))
    await file.write(Buffer.alloc(1000, 'b'), 0)
    await file.sync()
    expect(textAfter('none')).toBe('b'.repeat(1000))
  })

  it('has in memory what was not synced after its processes were killed', async () => {
    const file = await lastingFile()
    await file.write(Buffer.from('new'), 0)
    const next = disk.kill()
    expect(next.bytesOf('/d/file').toString('latin1', 0, 4)).toBe('newa')
    expect(textAfter('none', next)).toBe('a'.repeat(1000))
    const never = Promise.race([file.sync(), Promise.resolve('no answer')])
    expect(await never).toBe('no answer')
  })

  it('fails the calls that it is told to, and does a part of them', async () => {
    const file = await lastingFile()
    const faults: DiskFault[] = [{ fail: 'EIO' }, { fail: 'EIO', lands: 0.5 }]
    disk.fault = ({ kind }) => (kind === 'write' ? faults.shift() : undefined)
    await expect(file.write(Buffer.alloc(10, 'b'), 0)).rejects.toMatchObject({ code: 'EIO' })
    expect(disk.bytesOf('/d/file').toString('latin1', 0, 10)).toBe('a'.repeat(10))
    await expect(file.write(Buffer.alloc(10, 'b'), 0)).rejects.toMatchObject({ code: 'EIO' })
    expect(disk.bytesOf('/d/file').toString('latin1', 0, 10)).toBe('bbbbbaaaaa')
    await file.write(Buffer.alloc(10, 'b'), 0)
    expect(disk.bytesOf('/d/file').toString('latin1', 0, 10)).toBe('b'.repeat(10))
  })

  it('writes parts in a row, and cuts them off between and within them', async () => {
    const file = await lastingFile()
    const parts = [Buffer.from('bcd'), Buffer.from('ef'), Buffer.from('g')]
    const shares = [0, 1 / 3, 1 / 2, 5 / 6]
    disk.fault = ({ kind }) => {
      return kind === 'write' ? { fail: 'EIO', lands: shares.shift() } : undefined
    }
    for (const left of ['aaaaaaa', 'bcaaaaa', 'bcdaaaa', 'bcdefaa']) {
      await expect(file.write(parts, 0)).rejects.toMatchObject({ code: 'EIO' })
      expect(disk.bytesOf('/d/file').toString('latin1', 0, 7)).toBe(left)
    }
    await writeDurably(file, parts, 0)
    expect(textAfter('none')?.slice(0, 7)).toBe('bcdefga')
  })

  it('takes of parts only what there is room for', async () => {
    const file = await lastingFile()
    disk.capacityBytes = 1004
    const parts = [Buffer.from('bcd'), Buffer.from('ef')]
    await expect(writeDurably(file, parts, 1000)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(disk.bytesOf('/d/file').toString('latin1', 1000)).toBe('bcde')
  })

  it('fills up, and has room again', async () => {
    const file = await lastingFile()
    disk.capacityBytes = 1100
    await expect(file.write(Buffer.alloc(200, 'b'), 1000)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(await file.size()).toBe(1100)
    await file.write(Buffer.alloc(1100, 'c'), 0)
    disk.capacityBytes = 2000
    await file.write(Buffer.alloc(200, 'b'), 1000)
    expect(await file.size()).toBe(1200)
  })

  it('stops at the call that it is told to, and answers no more', async () => {
    const file = await lastingFile()
    const next = disk.calls('write') + 1
    disk.fault = (call) =>
      call.kind === 'write' && call.numberOfKind === next ? { halt: true } : undefined
    let answered = false
    void file.write(Buffer.from('x'), 0).then(() => {
      answered = true
    })
    await disk.halted
    expect(disk.isHalted).toBe(true)
    void disk.list('/d').then(() => {
      answered = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(answered).toBe(false)
  })

  it('lies about syncs where it is told to', async () => {
    const liar = newDisk({ ignoreSync: true })
    await lastingFile(liar)
    expect(textAfter('none', liar)).toBe('')
    const other = newDisk({ ignoreDirectorySync: true })
    await lastingFile(other)
    expect(textAfter('none', other)).toBeUndefined()
  })

  it('lists folders beside files, as a real one does', async () => {
    await lastingFile()
    await disk.makeDirectory('/d/below/it')
    disk.put('/d/put/there', Buffer.from('x'))
    expect(new Set(await disk.list('/d'))).toEqual(new Set(['file', 'below', 'put']))
    expect(await disk.list('/d/below')).toEqual(['it'])
  })

  it('raises the errors of a real one', async () => {
    await lastingFile()
    await expect(disk.create('/d/file')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(disk.create('/e/file')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.open('/d/none', 'read')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.list('/e')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(disk.remove('/d/none')).rejects.toMatchObject({ code: 'ENOENT' })
    const reader = await disk.open('/d/file', 'read')
    await expect(reader.write(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'EBADF' })
    await reader.close()
    await expect(reader.size()).rejects.toMatchObject({ code: 'EBADF' })
  })
})

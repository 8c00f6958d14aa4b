import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Journal } from '../../../src/queue/file/journal.ts'
import { systemRandom } from '../../../src/random.ts'
import {
  ackAll,
  changeDirectory,
  clock,
  directory,
  disk,
  errors,
  open,
  openAfterKill,
} from './support/cursor-setup.ts'
import { diskFailure } from './support/hooked-file-system.ts'

describe('Cursor', () => {
  it('falls back to what it said before the damage, and reports it', async () => {
    const cursor = await open()
    ackAll(cursor, 1, 2, 3)
    await cursor.sync()
    ackAll(cursor, 4, 5)
    await cursor.sync()
    const { size } = await stat(join(directory, 'search.cursor'))
    ackAll(cursor, 6)
    await cursor.sync()
    await cursor.close()
    const bytes = await readFile(join(directory, 'search.cursor'))
    bytes[size - 20] = (bytes[size - 20] ?? 0) ^ 1
    await writeFile(join(directory, 'search.cursor'), bytes)
    const again = await open()
    expect(again.through).toBe(3)
    expect(errors).toEqual([expect.objectContaining({ code: 'ERR_CORRUPT_LOG' })])
    expect(errors[0]?.message).toContain('"search"')
    await again.close()
  })

  it('refuses a file of a later format', async () => {
    await (await open()).close()
    const path = join(directory, 'search.cursor')
    const bytes = await readFile(path)
    bytes.writeUInt32LE(9, 8)
    const { crc32 } = await import('node:zlib')
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28)
    await writeFile(path, bytes)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_FUTURE_FORMAT' })
  })

  it('refuses a file with a change of a kind it does not know, and leaves it as it is', async () => {
    const cursor = await open()
    ackAll(cursor, 1, 2)
    await cursor.close()
    await appendEntry(Buffer.from([10]))
    for (let times = 0; times < 2; times++) {
      await expect(open()).rejects.toMatchObject({ code: 'ERR_FUTURE_FORMAT' })
    }
    expect(await readdir(directory)).toEqual(['search.cursor'])
  })

  it('keeps aside a file with a change it cannot read, and what that said before', async () => {
    const cursor = await open()
    ackAll(cursor, 1, 2)
    await cursor.close()
    await appendEntry(Buffer.from([3]))
    for (const reports of [1, 1]) {
      const again = await open()
      expect(again.through).toBe(2)
      expect(errors).toHaveLength(reports)
      await again.close()
    }
    expect((await readdir(directory)).sort()).toEqual(['search.cursor', 'search.cursor.damaged'])
  })

  async function appendEntry(body: Buffer): Promise<void> {
    const { journal } = await Journal.open({
      directory,
      name: 'search.cursor',
      kind: 'curs',
      fileSystem: disk,
      random: systemRandom,
      damage: 'cut',
      replay: () => {},
    })
    await journal.append(() => [body])
    await journal.close()
  }

  describe('on a disk that fails', () => {
    it('goes on in memory, reports the outage once, and writes all of it afterwards', async () => {
      const cursor = await open()
      ackAll(cursor, 1)
      await cursor.write()
      disk.hook = (call) => {
        if (call !== 'remove') throw diskFailure('ENOSPC', call)
      }
      for (const sequence of [2, 3, 4]) {
        ackAll(cursor, sequence)
        await cursor.write()
        await clock.advance(1000)
      }
      cursor.begin(5, 1)
      await cursor.write()
      expect(cursor.through).toBe(4)
      expect(errors).toEqual([expect.objectContaining({ code: 'ERR_DISK_FULL' })])
      disk.hook = () => {}
      await clock.advance(1100)
      await expect.poll(async () => (await openAfterKill()).through).toBe(4)
      expect((await openAfterKill()).attemptsOf(5)).toMatchObject({ interrupted: 1 })
      // A second outage is a new one.
      disk.hook = (call) => {
        if (call !== 'remove') throw diskFailure('EIO', call)
      }
      ackAll(cursor, 5)
      await cursor.write()
      expect(errors.map(({ code }) => code)).toEqual(['ERR_DISK_FULL', 'ERR_IO'])
      disk.hook = () => {}
      await cursor.close()
      const again = await open()
      expect(again.through).toBe(5)
      await again.close()
    })

    it('loses no ack that was synced, whichever call fails', async () => {
      for (let nth = 1; ; nth++) {
        await changeDirectory()
        let cursor = await open()
        const count = disk.failCall(nth, 'EIO')
        ackAll(cursor, 1, 2, 3)
        await cursor.sync()
        ackAll(cursor, 4)
        await cursor.sync()
        await clock.advance(2000)
        await cursor.sync()
        disk.hook = () => {}
        await cursor.abandon()
        cursor = await open()
        expect(cursor.through, `call ${nth} failed`).toBe(4)
        await cursor.close()
        if (count.made < nth) break
      }
    })

    it('does not open where what it has to remember cannot be written', async () => {
      const cursor = await open()
      cursor.begin(1, 1)
      await cursor.write()
      await cursor.abandon()
      disk.hook = (call) => {
        if (call === 'create') throw diskFailure('EIO', call)
      }
      await expect(open()).rejects.toMatchObject({ code: 'ERR_IO' })
      disk.hook = () => {}
      const again = await open()
      expect(again.attemptsOf(1)).toMatchObject({ spent: 1 })
      await again.close()
    })

    it('opens where there is no room for what it has to remember, and notes it once there is', async () => {
      const cursor = await open()
      cursor.begin(1, 1)
      await cursor.write()
      await cursor.abandon()
      disk.hook = (call, _, growsBy) => {
        if (call === 'create' || growsBy > 0) throw diskFailure('ENOSPC', call)
      }
      const onFullDisk = await open()
      expect(onFullDisk.attemptsOf(1)).toMatchObject({ spent: 1, interrupted: 1 })
      expect(errors).toMatchObject([{ code: 'ERR_DISK_FULL' }])
      disk.hook = () => {}
      await clock.advance(2000)
      await onFullDisk.sync()
      await onFullDisk.abandon()
      const again = await open()
      expect(again.attemptsOf(1)).toMatchObject({ spent: 1, interrupted: 1 })
      await again.close()
    })
  })
})

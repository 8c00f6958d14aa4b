import { chmod, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { fileQueue } from '../../../src/queue/file/file-queue.ts'
import type { QueueContext } from '../../../src/queue/queue.ts'
import { systemRandom } from '../../../src/random.ts'
import { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import {
  changeDirectory,
  directory,
  epochOf,
  firstMessage,
  kill,
  open,
  otherUser,
  startChild,
} from './support/file-queue-setup.ts'
import { diskFailure, HookedFileSystem } from './support/hooked-file-system.ts'
import { openLock } from './support/open-lock.ts'
import { keysOf, OpenQueue, pullNow } from './support/open-queue.ts'

describe('opening a file queue', () => {
  it('names the holder of a directory that is in use', async () => {
    const child = startChild('open')
    expect(await firstMessage(child)).toBe('open')
    const error = await open().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'ERR_DIRECTORY_IN_USE' })
    expect(String(error)).toContain(`process ${child.pid}`)
    expect(String(error)).toContain(directory)
    await kill(child)
    const opened = await open()
    const epochs = await epochOf(directory)
    expect(epochs).toBe(2)
    await opened.queue.close()
  })

  it('raises the epoch with each owner, and loses none to a crash in between', async () => {
    const disk = new HookedFileSystem()
    let highest = 0
    for (let nth = 1; nth <= 8; nth++) {
      const count = disk.failCall(nth, 'EIO')
      const opened = await open({ fileSystem: disk }).catch(() => undefined)
      disk.hook = () => {}
      await opened?.queue.close()
      expect(count.made).toBeGreaterThanOrEqual(nth)
      const again = await open({ fileSystem: disk })
      const epoch = await epochOf(directory)
      expect(epoch).toBeGreaterThan(highest)
      highest = epoch
      await again.queue.close()
    }
  })

  it('refuses a directory it has no right to', async () => {
    await chmod(directory, 0o500)
    const isRoot = process.getuid?.() === 0
    const place = join(directory, 'titles')
    const failure = isRoot
      ? await firstMessage(startChild('open', place, { uid: otherUser, gid: otherUser }))
      : await OpenQueue.open({ directory: place }).catch((error: unknown) => error)
    expect(failure).toMatchObject({ code: 'ERR_DIRECTORY_DENIED' })
    expect(String((failure as Error).message)).toContain(place)
  })

  it('refuses a file where its directory should be, or above it', async () => {
    const file = join(directory, 'file')
    await writeFile(file, '')
    for (const place of [file, join(file, 'titles')]) {
      await expect(OpenQueue.open({ directory: place })).rejects.toMatchObject({
        code: 'ERR_DIRECTORY_UNSUITABLE',
      })
    }
  })

  for (const [errno, code] of [
    ['ENOSPC', 'ERR_DISK_FULL'],
    ['EDQUOT', 'ERR_DISK_FULL'],
    ['EROFS', 'ERR_DIRECTORY_DENIED'],
    ['EIO', 'ERR_IO'],
  ] as const) {
    it(`answers ${errno} at any call with ${code}, and opens once that is over`, async () => {
      const disk = new HookedFileSystem()
      const failing = { fileSystem: disk, lock: openLock }
      let made = 1
      for (let nth = 1; nth <= made; nth++) {
        await changeDirectory()
        const count = disk.failCall(nth, errno)
        const outcome = await open(failing).catch((error: unknown) => error)
        made = Math.max(made, count.made + (outcome instanceof OpenQueue ? 0 : 1))
        disk.hook = () => {}
        if (outcome instanceof OpenQueue) await outcome.queue.close()
        else expect(outcome, `call ${nth}`).toMatchObject({ code })
        const opened = await open(failing)
        await opened.send({ key: 'a' })
        expect(keysOf(await pullNow(await opened.consumer()))).toEqual(['a'])
        await opened.queue.close()
      }
      expect(made, 'calls that an open makes').toBeGreaterThan(15)
    })
  }

  it('lets go of the lock when it fails', async () => {
    const disk = new HookedFileSystem()
    disk.hook = (call, path) => {
      if (call === 'create' && path.includes('dead-letters')) throw diskFailure('ENOSPC', call)
    }
    await expect(open({ fileSystem: disk })).rejects.toMatchObject({ code: 'ERR_DISK_FULL' })
    disk.hook = () => {}
    const opened = await open({ fileSystem: disk })
    await opened.queue.close()
  })

  it('refuses files of a later format', async () => {
    const opened = await open()
    await opened.queue.close()
    const path = join(directory, 'dead-letters/letters.journal')
    const bytes = await readFile(path)
    bytes.writeUInt32LE(77, 8)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28)
    await writeFile(path, bytes)
    await expect(open()).rejects.toMatchObject({ code: 'ERR_FUTURE_FORMAT' })
  })

  it('refuses a damaged owner.json, and says what to do', async () => {
    await (await open()).queue.close()
    await writeFile(join(directory, 'owner.json'), '{"epoch":')
    await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
  })

  it('refuses a log that ends before what a target has been given', async () => {
    const opened = await open()
    await opened.send({}, {}, {})
    const consumer = await opened.consumer()
    await consumer.ack(await pullNow(consumer))
    await consumer.close()
    await opened.queue.close()
    await rm(join(directory, 'segments'), { recursive: true })
    await expect(open()).rejects.toMatchObject({ code: 'ERR_CORRUPT_LOG' })
    // The proof is as good if the target is no longer configured.
    await expect(open({ targets: ['cassandra'] })).rejects.toMatchObject({
      code: 'ERR_CORRUPT_LOG',
    })
    await rm(join(directory, 'cursors'), { recursive: true })
    const again = await open()
    await again.send({ key: 'new' })
    expect(keysOf(await pullNow(await again.consumer()))).toEqual(['new'])
    await again.queue.close()
  })
})

describe('a file queue that is opened twice', () => {
  it('refuses the second, also where the first is still on its way', async () => {
    const queue = fileQueue()
    const context = (namespace: string): QueueContext => ({
      namespace,
      targets: ['search'],
      directory,
      clock: new VirtualClock(),
      random: systemRandom,
      reportError() {},
    })
    const opens = await Promise.allSettled([queue.open(context('a')), queue.open(context('b'))])
    expect(opens).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'ERR_CONFIG' } },
    ])
    await expect(queue.open(context('b'))).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    await queue.close()
    await queue.open(context('b'))
    await queue.close()
    expect(await readdir(directory)).toEqual(['a', 'b'])
  })
})

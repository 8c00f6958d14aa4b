import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { DiskThread } from '../../../src/queue/file/disk-thread.ts'
import { DiskThreads, type StartDiskThread } from '../../../src/queue/file/disk-threads.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

let path: string
let file: FileHandle

beforeEach(async () => {
  path = join(await temporaryDirectory(), 'file')
  file = await open(path, 'wx+')
  return () => file.close()
})

const write = (threads: DiskThreads, text: string, position: number): Promise<number> =>
  threads.run<number>('writev', [file.fd, [Buffer.from(text)], position])

describe('disk threads', () => {
  it('write and sync, what is part of a larger buffer too', async () => {
    const threads = new DiskThreads()
    const large = Buffer.from('say hello to all')
    const parts = [large.subarray(4, 10), large.subarray(13)]
    expect(await threads.run('writev', [file.fd, parts, 2])).toBe(9)
    await threads.run('fdatasync', [file.fd])
    expect(await readFile(path, 'latin1')).toBe('\0\0hello all')
  })

  it('reject with the error of the system', async () => {
    const threads = new DiskThreads()
    await expect(threads.run('fdatasync', [1_000_000])).rejects.toMatchObject({
      code: 'EBADF',
      syscall: 'fdatasync',
      errno: expect.any(Number),
      message: expect.stringContaining('bad file descriptor'),
    })
    expect(await write(threads, 'more', 0)).toBe(4)
  })

  it('tell of a full disk', async () => {
    const full = await open('/dev/full', 'r+')
    const call = new DiskThreads().run('writev', [full.fd, [Buffer.from('x')], 0])
    await expect(call).rejects.toMatchObject({ code: 'ENOSPC', syscall: 'write' })
    await full.close()
  })

  it('become more where there is always a call that waits, and four at most', async () => {
    let started = 0
    const start: StartDiskThread = (...args) => {
      started += 1
      return DiskThread.start(...args)
    }
    const threads = new DiskThreads(start)
    await write(threads, 'x', 0)
    for (let at = 0; at < 20; at++) await write(threads, 'x', at)
    expect(started).toBe(1)
    await Promise.all(Array.from({ length: 1000 }, (_, at) => write(threads, 'y', at)))
    expect(started).toBeGreaterThan(1)
    expect(started).toBeLessThanOrEqual(4)
    expect(await readFile(path, 'latin1')).toBe('y'.repeat(1000))
  })

  it('leave it to the pool where none can be started, and say so once', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    const threads = new DiskThreads(() => Promise.reject(new Error('no threads here')))
    const written = await Promise.all([write(threads, 'ab', 0), write(threads, 'cd', 2)])
    expect(written).toEqual([2, 2])
    expect(await write(threads, 'ef', 4)).toBe(2)
    expect(await readFile(path, 'latin1')).toBe('abcdef')
    expect(warn.mock.calls).toEqual([
      [
        expect.stringContaining('no threads here'),
        expect.objectContaining({ code: 'DAYBOOK_NO_DISK_THREAD' }),
      ],
    ])
    warn.mockRestore()
  })

  it('keep writes going while all four threads of the pool are blocked', {
    timeout: 60_000,
  }, async () => {
    const directory = await temporaryDirectory()
    const fifos = [1, 2, 3, 4].map((number) => join(directory, `fifo-${number}`))
    for (const fifo of fifos) execFileSync('mkfifo', [fifo])
    const child = fork(join(import.meta.dirname, 'support/stalled-pool-child.ts'), [directory])
    const [message] = await once(child, 'message')
    expect(message).toBe('written while blocked')
    const exited = once(child, 'exit')
    child.send('release')
    // All the others were written as well, once the pool was free.
    expect(await exited).toEqual([0, null])
  })
})

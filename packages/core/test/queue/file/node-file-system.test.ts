import fs from 'node:fs'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { writeDurably } from '../../../src/queue/file/durable-write.ts'
import { nodeFileSystem } from '../../../src/queue/file/node-file-system.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

let directory: string

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(() => {
  vi.restoreAllMocks()
})

function path(name: string): string {
  return join(directory, name)
}

async function modeOf(name: string): Promise<number> {
  return (await stat(path(name))).mode & 0o777
}

describe('the file system of Node', () => {
  it('makes directories with their parents, private to their owner', async () => {
    await nodeFileSystem.makeDirectory(path('a/b/c'))
    for (const name of ['a', 'a/b', 'a/b/c'])
      expect([name, await modeOf(name)]).toEqual([name, 0o700])
    await nodeFileSystem.makeDirectory(path('a/b/c'))
  })

  it('reads what it has written, at any position, and no further than the end', async () => {
    const file = await nodeFileSystem.create(path('file'))
    await file.write(Buffer.from('world'), 6)
    await writeDurably(file, Buffer.from('hello '), 0)
    await file.sync()
    expect(await file.size()).toBe(11)
    const into = Buffer.alloc(20)
    expect(await file.read(into, 6)).toBe(5)
    expect(into.toString('latin1', 0, 5)).toBe('world')
    expect(await file.read(into, 100)).toBe(0)
    await file.truncate(5)
    await file.close()
    expect(await readFile(path('file'), 'utf8')).toBe('hello')
    expect(await modeOf('file')).toBe(0o600)
  })

  it('writes many parts as if they were one piece', async () => {
    const file = await nodeFileSystem.create(path('file'))
    // More than the system takes in one call.
    const parts = Array.from({ length: 5000 }, (_, at) => Buffer.alloc(at % 3, at))
    await file.write(parts, 2)
    await writeDurably(file, [Buffer.from('a'), Buffer.from('b')], 0)
    await writeDurably(file, [], 0)
    await file.close()
    const whole = Buffer.concat([Buffer.from('ab'), ...parts])
    expect((await readFile(path('file'))).equals(whole)).toBe(true)
  })

  it('has asked the system for a durable write by the time the call returns', async () => {
    const file = await nodeFileSystem.create(path('file'))
    await writeDurably(file, Buffer.from('a'), 0)
    const writev = vi.spyOn(fs, 'writev')
    const written = writeDurably(file, Buffer.from('b'), 1)
    expect(writev).toHaveBeenCalledTimes(1)
    await written
    await file.close()
  })

  it('writes durably to a file that has got another name meanwhile', async () => {
    const file = await nodeFileSystem.create(path('before'))
    await nodeFileSystem.rename(path('before'), path('after'))
    await writeDurably(file, Buffer.from('text'), 0)
    await file.close()
    expect(await readdir(directory)).toEqual(['after'])
    expect(await readFile(path('after'), 'utf8')).toBe('text')
  })

  it('creates only files that are not there, and opens only those that are', async () => {
    await writeFile(path('file'), 'text')
    await expect(nodeFileSystem.create(path('file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(nodeFileSystem.open(path('none'), 'read')).rejects.toMatchObject({
      code: 'ENOENT',
    })
    await expect(nodeFileSystem.list(path('none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('does not write to a file that is open for reading', async () => {
    await writeFile(path('file'), 'text')
    const file = await nodeFileSystem.open(path('file'), 'read')
    await expect(file.write(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'EBADF' })
    await expect(writeDurably(file, Buffer.from('x'), 0)).rejects.toThrow()
    await file.close()
    expect(await readFile(path('file'), 'utf8')).toBe('text')
  })

  it('replaces, removes and lists', async () => {
    await writeFile(path('a'), 'a')
    await writeFile(path('b'), 'b')
    await mkdir(path('c'))
    await nodeFileSystem.rename(path('a'), path('b'))
    await nodeFileSystem.syncDirectory(directory)
    expect([...(await nodeFileSystem.list(directory))].sort()).toEqual(['b', 'c'])
    expect(await readFile(path('b'), 'utf8')).toBe('a')
    await nodeFileSystem.remove(path('b'))
    expect(await nodeFileSystem.list(directory)).toEqual(['c'])
  })

  it('closes a file only after the calls on their way, and once', async () => {
    const file = await nodeFileSystem.create(path('file'))
    const writes = Array.from({ length: 20 }, (_, at) =>
      file.write(Buffer.alloc(4096, 1), at * 4096),
    )
    await Promise.all([file.close(), file.close(), ...writes])
    expect((await stat(path('file'))).size).toBe(20 * 4096)
    await expect(file.write(Buffer.from('x'), 0)).rejects.toThrow('closed')
  })
})

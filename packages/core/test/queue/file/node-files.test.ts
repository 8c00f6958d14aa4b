import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { FileHandles } from '../../../src/queue/file/file-handles.ts'
import type { NodeFile } from '../../../src/queue/file/node-file.ts'
import { NodeFiles } from '../../../src/queue/file/node-files.ts'
import { temporaryDirectory } from './support/temporary-directory.ts'

let directory: string
let handles: FileHandles
let files: NodeFiles

beforeEach(async () => {
  directory = await temporaryDirectory()
  handles = new FileHandles(2)
  files = new NodeFiles(handles)
})

const path = (name: string): string => join(directory, name)

/** A file that holds its own name, synced, so that it may be closed. */
async function create(name: string): Promise<NodeFile> {
  const file = await files.create(path(name))
  await file.write(Buffer.from(name), 0)
  await file.sync()
  return file
}

async function textOf(file: NodeFile): Promise<string> {
  const into = Buffer.alloc(100)
  return into.toString('utf8', 0, await file.read(into, 0))
}

/** Others that are used later than whatever was made before. */
async function crowdOut(): Promise<void> {
  for (const name of ['x', 'y', 'z']) await create(name)
}

describe('open files', () => {
  it('stay within the bound, and are read and written as if they were all open', async () => {
    const all: NodeFile[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) all.push(await create(name))
    expect(handles.open).toBe(2)
    for (const file of all) await file.writeDurably(Buffer.from('!'), 1)
    expect(handles.open).toBe(2)
    expect(await Promise.all(all.map(textOf))).toEqual(['a!', 'b!', 'c!', 'd!', 'e!'])
    expect(await Promise.all(all.map((file) => file.size()))).toEqual([2, 2, 2, 2, 2])
    expect(handles.open).toBe(2)
    for (const file of all) await file.close()
    expect(handles.open).toBe(0)
  })

  it('are not closed while something in them is not synced', async () => {
    const unsynced = await create('unsynced')
    await unsynced.write(Buffer.from('more'), 0)
    const cut = await create('cut')
    await cut.truncate(1)
    await crowdOut()
    expect([unsynced.descriptors, cut.descriptors]).toEqual([1, 1])
    await unsynced.sync()
    await cut.sync()
    await crowdOutAgain()
    expect([unsynced.descriptors, cut.descriptors]).toEqual([0, 0])
    expect(await textOf(cut)).toBe('c')
  })

  it('are not closed once a change of them has failed', async () => {
    await create('a')
    const file = await files.open(path('a'), 'read')
    await expect(file.write(Buffer.from('b'), 0)).rejects.toMatchObject({ code: 'EBADF' })
    await file.sync()
    await crowdOut()
    expect(file.descriptors).toBe(1)
  })

  it('go on under a new name, also where it was that of another', async () => {
    const moved = await create('moved')
    const replaced = await create('replaced')
    await crowdOut()
    expect([moved.descriptors, replaced.descriptors]).toEqual([0, 0])
    await files.rename(path('moved'), path('replaced'))
    await crowdOutAgain()
    expect([moved.descriptors, replaced.descriptors]).toEqual([0, 1])
    expect([await textOf(moved), await textOf(replaced)]).toEqual(['moved', 'replaced'])
  })

  it('can be read after they were removed', async () => {
    const removed = await create('removed')
    await crowdOut()
    await files.remove(path('removed'))
    await crowdOutAgain()
    expect(await textOf(removed)).toBe('removed')
    await removed.close()
  })

  it('are as they were where a renaming or a removal fails', async () => {
    const file = await create('file')
    await expect(files.rename(path('file'), path('none/file'))).rejects.toMatchObject({
      code: 'ENOENT',
    })
    await crowdOut()
    expect(file.descriptors).toBe(0)
    expect(await textOf(file)).toBe('file')
    await expect(files.remove(path('none'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('are never mistaken for another file that somebody put in their place', async () => {
    const file = await create('file')
    await crowdOut()
    await writeFile(path('other'), 'other')
    await rename(path('other'), path('file'))
    await expect(textOf(file)).rejects.toThrow('another file')
    expect(handles.open).toBe(2)
  })

  it('are opened again once for calls that come at the same time, and may be closed meanwhile', async () => {
    const file = await create('file')
    await crowdOut()
    const reads = [textOf(file), textOf(file), textOf(file)]
    const closed = file.close()
    expect(await Promise.all(reads)).toEqual(['file', 'file', 'file'])
    await closed
    await expect(textOf(file)).rejects.toThrow('closed')
    expect(handles.open).toBe(1)
  })
})

async function crowdOutAgain(): Promise<void> {
  for (const name of ['u', 'v', 'w']) await create(name)
}

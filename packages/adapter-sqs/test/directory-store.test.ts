import { mkdtemp, open, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { directoryStore } from '../src/index.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'daybook-directory-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(root, { recursive: true })
})

/** The files and directories that are synced from now on, by their inodes. */
async function watchSyncs(): Promise<ReadonlySet<number>> {
  const synced = new Set<number>()
  const handle = await open(root, 'r')
  const fileHandle = Object.getPrototypeOf(handle)
  await handle.close()
  const sync = fileHandle.sync
  vi.spyOn(fileHandle, 'sync').mockImplementation(async function (this: typeof handle) {
    synced.add((await this.stat()).ino)
    await sync.call(this)
  })
  return synced
}

describe('directoryStore', () => {
  test('syncs the parent of each directory that it made', async () => {
    const synced = await watchSyncs()
    const store = directoryStore(join(root, 'a', 'b'))
    await Promise.all(['c/d/one', 'e/two'].map((name) => store.put(name, new Uint8Array(1))))
    for (const made of ['a', 'a/b', 'a/b/c', 'a/b/c/d', 'a/b/e']) {
      const parent = dirname(join(root, made))
      expect([made, synced.has((await stat(parent)).ino)]).toEqual([made, true])
    }
  })

  test('leaves no unfinished file behind where a name cannot be given', async () => {
    const store = directoryStore(root)
    await store.put('a/b', new Uint8Array(1))
    await expect(store.put('a', new Uint8Array(1))).rejects.toThrow()
    expect(await readdir(root)).toEqual(['a'])
  })
})

import { mkdtemp, open, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
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

  test('sweeps what has a name of these and was neither put nor touched since', async () => {
    const store = directoryStore(root)
    const names = ['payloads/a/old', 'payloads/a/touched', 'payloads/b/old', 'payloads/a/new']
    for (const name of names) await store.put(name, Uint8Array.of(1))
    await writeFile(join(root, 'payloads', 'a', 'unfinished.0.tmp'), '')
    const before = new Date(Date.now() - 60_000)
    for (const name of ['a/old', 'a/touched', 'b/old', 'a/unfinished.0.tmp']) {
      await utimes(join(root, 'payloads', name), before, before)
    }
    await store.touch('payloads/a/touched')
    await store.touch('payloads/a/missing')
    expect(await store.sweep('payloads/a/', before.getTime() - 1_000)).toBe(0)
    expect(await store.sweep('payloads/a/', Date.now() - 30_000)).toBe(2)
    expect(await store.list('', undefined)).toEqual([
      'payloads/a/new',
      'payloads/a/touched',
      'payloads/b/old',
    ])
    expect(await readdir(join(root, 'payloads', 'a'))).toHaveLength(2)
  })
})

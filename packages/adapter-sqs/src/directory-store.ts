import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ListingStore } from './payload-store.ts'

/**
 * A store in a directory, which all processes of the queue have to share. A file is synced before it
 * gets its name, and its directory after.
 */
export function directoryStore(directory: string): ListingStore {
  const pathOf = (name: string): string => join(directory, ...name.split('/').map(encode))
  return {
    async put(name, bytes) {
      const path = pathOf(name)
      await mkdir(dirname(path), { recursive: true })
      const unfinished = `${path}.${randomBytes(6).toString('hex')}.tmp`
      const file = await open(unfinished, 'wx')
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(unfinished, path)
      await syncDirectory(dirname(path))
    },
    get: (name) => unlessMissing(readFile(pathOf(name))),
    async delete(name) {
      await rm(pathOf(name), { force: true })
    },
    async list(prefix, after = '') {
      const options = { recursive: true, withFileTypes: true } as const
      const entries = (await unlessMissing(readdir(directory, options))) ?? []
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
        .map(({ parentPath, name }) => join(parentPath, name).slice(join(directory, '/').length))
        .map((path) => path.split(/[\\/]/).map(decodeURIComponent).join('/'))
        .filter((name) => name.startsWith(prefix) && name > after)
        .sort()
    },
  }
}

/** A part of a name as a file's name: it leads nowhere else, whatever it is. */
function encode(part: string): string {
  return encodeURIComponent(part).replaceAll('.', '%2E')
}

/** What has a name survives a power cut once its directory is synced, where that can be done. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { systemClock, WalError } from '@daybook/core'
import type { SweptStore } from './payload-store.ts'

/**
 * A store in a directory, which all processes of the queue have to share. A file is synced before it
 * gets its name, its directory after, and so is the parent of each directory that had to be made. A file's
 * age is that of its last change, by the clock of the machine that has the disk. Throws `ERR_CONFIG` for
 * what is no path.
 */
export function directoryStore(directory: string): SweptStore {
  if (typeof directory !== 'string' || directory === '') {
    throw new WalError('ERR_CONFIG', "directoryStore: give the directory's path.")
  }
  const makeDirectory = directoryMaker()
  const pathOf = (name: string): string => join(directory, ...name.split('/').map(encode))
  return {
    async put(name, bytes) {
      const path = pathOf(name)
      await makeDirectory(dirname(path))
      const unfinished = `${path}.${randomBytes(6).toString('hex')}.tmp`
      try {
        await writeSynced(unfinished, bytes)
        await rename(unfinished, path)
      } catch (error) {
        await rm(unfinished, { force: true }).catch(() => {})
        throw error
      }
      await syncDirectory(dirname(path))
    },
    get: (name) => unlessMissing(readFile(pathOf(name))),
    async delete(name) {
      await rm(pathOf(name), { force: true })
    },
    async touch(name) {
      const now = new Date(systemClock.now())
      await unlessMissing(utimes(pathOf(name), now, now))
    },
    async list(prefix, after = '') {
      return (await filesIn(directory))
        .filter(
          ({ path, name }) => !path.endsWith('.tmp') && name.startsWith(prefix) && name > after,
        )
        .map(({ name }) => name)
        .sort()
    },
    async sweep(prefix, since) {
      let swept = 0
      // Unfinished files among them, of processes that died.
      for (const { path, name } of await filesIn(directory)) {
        if (!name.startsWith(prefix)) continue
        const { mtimeMs } = (await unlessMissing(stat(path))) ?? { mtimeMs: since }
        if (mtimeMs >= since) continue
        await rm(path, { force: true })
        swept++
      }
      return swept
    },
  }
}

/** The files below a directory, and the names that they stand for. */
async function filesIn(directory: string): Promise<{ path: string; name: string }[]> {
  const options = { recursive: true, withFileTypes: true } as const
  const entries = (await unlessMissing(readdir(directory, options))) ?? []
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const parts = path.slice(join(directory, '/').length).split(/[\\/]/)
      return { path, name: parts.map(decodeURIComponent).join('/') }
    })
}

/**
 * Makes directories, one call after the other, and syncs the parents of those that are new: until then a
 * power cut would take them away with all that is in them. What was not synced is tried again.
 */
function directoryMaker(): (path: string) => Promise<void> {
  const unsynced = new Set<string>()
  let last = Promise.resolve()
  const make = async (path: string): Promise<void> => {
    const first = await mkdir(path, { recursive: true })
    for (let made = path; first !== undefined; made = dirname(made)) {
      unsynced.add(dirname(made))
      if (made === first || made === dirname(made)) break
    }
    for (const parent of unsynced) {
      await syncDirectory(parent)
      unsynced.delete(parent)
    }
  }
  return (path) => {
    const turn = last.then(() => make(resolve(path)))
    last = turn.catch(() => {})
    return turn
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
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

import type { Stats } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { errnoOf } from './file-queue-error.ts'
import type { FileSystem } from './file-system.ts'
import { fsCall, identityOf } from './fs-call.ts'
import { NodeFiles } from './node-files.ts'

const privateDirectory = 0o700

/** Of the whole process. */
const files = new NodeFiles()

/**
 * The machine's file system. Files and directories are private to their owner.
 *
 * `sync` is fdatasync, on macOS F_FULLFSYNC. Windows has no sync of directories and needs none, as
 * NTFS keeps a journal of its entries.
 */
export const nodeFileSystem: FileSystem = {
  async makeDirectory(path) {
    await makeDirectory(resolve(path))
    await syncAncestors(resolve(path))
  },
  list: (path) => fsCall<string[]>('readdir', path),
  create: (path) => files.create(path),
  open: (path, access) => files.open(path, access),
  rename: (from, to) => files.rename(from, to),
  remove: (path) => files.remove(path),
  syncDirectory,
}

/** Node's own recursive mkdir never answers below a directory that takes none, such as /proc. */
async function makeDirectory(path: string): Promise<void> {
  try {
    await makeOneDirectory(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeDirectory(dirname(path))
    await makeOneDirectory(path)
  }
}

async function makeOneDirectory(path: string): Promise<void> {
  try {
    await fsCall('mkdir', path, privateDirectory)
  } catch (error) {
    if (!(await isDirectory(path))) throw error
  }
}

/** What a sync of a directory answers where it cannot be had. */
const unsyncable: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'EINVAL',
  'ENOTSUP',
])

/**
 * The names of the directories must last like those of files, also where they were made by a process
 * that died before it could sync them. Where a directory further up may not be read, or lies on a
 * file system that takes no sync (a read-only root, say), no process like this one made anything.
 */
async function syncAncestors(path: string): Promise<void> {
  for (let name = path; dirname(name) !== name; name = dirname(name)) {
    const found = await identityOf(name)
    if (lasting.get(name) === found) continue
    try {
      await syncDirectory(dirname(name))
      if (name !== path) lasting.set(name, found)
    } catch (error) {
      if (!unsyncable.has(errnoOf(error))) throw error
    }
  }
}

/**
 * Directories above others, whose names this process has synced: the namespaces of a wal have them
 * in common. None is synced again as long as it is the same directory.
 */
const lasting = new Map<string, string>()

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await fsCall<Stats>('stat', path)).isDirectory()
  } catch {
    return false
  }
}

async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const descriptor = await fsCall<number>('open', path, 'r')
  try {
    await fsCall('fsync', descriptor)
  } finally {
    await fsCall('close', descriptor)
  }
}

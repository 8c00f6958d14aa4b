import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/**
 * Asks the system to forget what it holds of a directory's files in memory, so that they are read
 * from the disk next. They must be synced: what is not stays. Answers whether it could be asked.
 *
 * Node has no call for this. GNU `dd` has: reading nothing with `nocache` advises just that
 * (`posix_fadvise` with `POSIX_FADV_DONTNEED`) for the whole file. It needs no rights beyond
 * reading and touches no other file, unlike emptying the whole cache of the machine.
 */
export async function forgetCached(directory: string): Promise<boolean> {
  try {
    for (const path of await filesBelow(directory)) {
      await run('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none'])
    }
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) return false
    throw error
  }
}

/** The paths of all files in a directory and below it, without sockets and the like. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

import { join } from 'node:path'
import { WalError } from '../../../errors.ts'
import { errnoOf } from '../file-queue-error.ts'
import type { FileSystem } from '../file-system.ts'

/** Lies in a directory from before anything is copied into it until all of it is there. */
const unfinishedMark = 'salvage-unfinished'

/** Files that the owner makes before it looks at the others. */
const ofOwner = /^owner(\.json.*|-[0-9a-f]+\.sock)$/

/** Refuses a directory that a salvage has begun to fill and not come to the end of. */
export async function refuseUnfinished(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = await fileSystem.list(directory)
  if (!names.includes(unfinishedMark)) return
  throw new WalError(
    'ERR_SALVAGE_UNFINISHED',
    `${directory} holds an unfinished copy of another log: the salvage that made it was cut short. ` +
      'Run the salvage again, with the same directories: it starts over. Or remove the directory.',
  )
}

/**
 * Makes the directory ready for a copy: marks it as unfinished, lasting, and removes what an earlier
 * attempt has left. Rejects with `ERR_DIRECTORY_UNSUITABLE` if it holds anything else. The caller
 * owns the directory by then.
 */
export async function beginCopy(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = (await fileSystem.list(directory)).filter((name) => !ofOwner.test(name))
  if (!names.includes(unfinishedMark)) {
    if (names.length > 0) throw notEmpty(directory, names)
    const mark = await fileSystem.create(join(directory, unfinishedMark))
    try {
      await mark.sync()
    } finally {
      await mark.close()
    }
    await fileSystem.syncDirectory(directory)
  }
  for (const folder of ['segments', 'cursors', 'dead-letters', 'transactions']) {
    const path = join(directory, folder)
    await fileSystem.makeDirectory(path)
    for (const name of await fileSystem.list(path)) await fileSystem.remove(join(path, name))
    await fileSystem.syncDirectory(path)
  }
  await fileSystem.syncDirectory(directory)
}

/** Takes the mark away: all of the copy is lasting. */
export async function finishCopy(fileSystem: FileSystem, directory: string): Promise<void> {
  await fileSystem.remove(join(directory, unfinishedMark)).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error
  })
  await fileSystem.syncDirectory(directory)
}

function notEmpty(directory: string, names: readonly string[]): WalError {
  return new WalError(
    'ERR_DIRECTORY_UNSUITABLE',
    `${directory} is not empty (${names.slice(0, 5).join(', ')}). A log is salvaged into a directory ` +
      'of its own: name one that does not exist yet.',
  )
}

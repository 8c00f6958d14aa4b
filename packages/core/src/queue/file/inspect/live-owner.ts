import { WalError } from '../../../errors.ts'
import { diskError } from '../file-queue-error.ts'
import { parseOwner } from '../owner.ts'
import { isPipeLockHeld } from '../owner-lock-pipe.ts'
import { isSocketLockHeld } from '../owner-lock-socket.ts'
import type { WatchedFiles } from './watched-files.ts'

/** Tells whether a living process owns the directory. Changes nothing there. */
export type IsOwned = (directory: string) => Promise<boolean>

/** Asks whoever holds the lock of this platform, by a connection, and leaves no trace. */
export const isOwnedNow: IsOwned = async (directory) => {
  try {
    if (process.platform === 'win32') return await isPipeLockHeld(directory)
    return await isSocketLockHeld(directory)
  } catch (cause) {
    throw diskError('look for the owner of', directory, cause)
  }
}

/** What `owner.json` says of the last owner. */
export interface LastOwner {
  readonly epoch: number
  readonly pid?: number
  readonly host?: string
  readonly title?: string
  readonly since?: string
}

/**
 * Sees that nobody opens the directory while it is read: looks for an owner at the start, and at
 * the end once more, and whether there was one in between.
 */
export class Bystander {
  readonly #files: WatchedFiles
  readonly #isOwned: IsOwned
  #text = ''

  constructor(files: WatchedFiles, isOwned: IsOwned) {
    this.#files = files
    this.#isOwned = isOwned
  }

  /** Rejects with `ERR_DIRECTORY_IN_USE`. Answers what `owner.json` says, if it can be read. */
  async begin(): Promise<LastOwner | 'damaged' | undefined> {
    await this.#refuseOwner()
    this.#text = await this.#read()
    return this.#text === '' ? undefined : parse(this.#text)
  }

  /** Rejects with `ERR_DIRECTORY_IN_USE` if what was read may have changed meanwhile. */
  async end(): Promise<void> {
    await this.#refuseOwner()
    if ((await this.#read()) !== this.#text) throw inUse(this.#files.directory, 'was opened')
  }

  async #refuseOwner(): Promise<void> {
    const { directory } = this.#files
    if (await this.#isOwned(directory)) throw inUse(directory, 'is in use')
  }

  async #read(): Promise<string> {
    const names = await this.#files.list()
    if (!names.includes('owner.json')) return ''
    return this.#files.use('owner.json', async (file) => {
      const bytes = Buffer.alloc(await file.size())
      return bytes.toString('utf8', 0, await file.read(bytes, 0)) || ' '
    })
  }
}

function parse(text: string): LastOwner | 'damaged' {
  const owner = parseOwner(text)
  if (!owner) return 'damaged'
  const { epoch, pid, host, title, since } = owner
  return { epoch, pid, host, title, since }
}

function inUse(directory: string, how: string): WalError {
  return new WalError(
    'ERR_DIRECTORY_IN_USE',
    `${directory} ${how} while it was to be read as a whole, and changes under the reader. Close ` +
      'the wal that has it open, or make a snapshot of the file system and read the directory there.',
    { retryable: true },
  )
}

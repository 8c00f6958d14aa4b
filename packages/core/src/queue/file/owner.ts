import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { Clock } from '../../clock.ts'
import { WalError } from '../../errors.ts'
import { diskError, errnoOf, isDiskFull } from './file-queue-error.ts'
import type { FileSystem } from './file-system.ts'
import type { AcquireLock } from './owner-lock.ts'

/** Who owns a directory, or owned it last: what `owner.json` says. */
export interface Owner {
  /** One higher each time the directory is opened; every segment names that of its writer. */
  readonly epoch: number
  readonly pid: number
  readonly host: string
  /** The process's title and the script it runs; never its arguments, which may be secret. */
  readonly title: string
  /** Tells one run of the machine's kernel from the next; empty where it has no such id. */
  readonly bootId: string
  /** When it became the owner, ISO 8601. */
  readonly since: string
}

const unknownOwner: Owner = {
  epoch: 0,
  pid: 0,
  host: 'unknown',
  title: 'unknown',
  bootId: '',
  since: 'unknown',
}

/** A directory of which this process is the only owner. */
export interface Ownership {
  readonly epoch: number
  /** Rejects with `ERR_OWNERSHIP_LOST` if another opener may have taken over. */
  verify(): Promise<void>
  /**
   * That error, if a glance at the lock shows it. As long as it is undefined nobody else has begun
   * to open the directory, so whatever was written there before is what the next owner will find.
   */
  loss(): WalError | undefined
  release(): Promise<void>
}

export interface TakeOwnershipOptions {
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly lock: AcquireLock
}

const ownerFile = 'owner.json'
const socketIsGone = 'its socket was deleted'

/**
 * Takes the directory, which must exist. The new epoch is lasting before this resolves. Rejects
 * with `ERR_DIRECTORY_IN_USE`, naming the holder, or another `WalError` that says why not.
 */
export async function takeOwnership(options: TakeOwnershipOptions): Promise<Ownership> {
  const { directory, fileSystem, clock, lock: acquire } = options
  const lock = await acquire(directory).catch((error: unknown) => {
    throw diskError('lock the directory', directory, error)
  })
  if (!lock) throw inUse(directory, await readOwner(fileSystem, directory).catch(() => undefined))
  try {
    const epoch = ((await readOwner(fileSystem, directory))?.epoch ?? 0) + 1
    await writeOwner(fileSystem, directory, await describeSelf(epoch, clock))
    return {
      epoch,
      async verify() {
        const current = (await readOwner(fileSystem, directory))?.epoch
        if (current !== epoch)
          throw lost(directory, epoch, `owner.json says ${current ?? 'nothing'}`)
        if (!(await lock.isHeld())) throw lost(directory, epoch, socketIsGone)
      },
      loss: () => (lock.isHeldNow?.() === false ? lost(directory, epoch, socketIsGone) : undefined),
      release: () => lock.release(),
    }
  } catch (error) {
    await lock.release()
    throw diskError('take the directory', directory, error)
  }
}

/** Asked for once: a process does not outlive a boot. */
let bootId: Promise<string> | undefined

async function describeSelf(epoch: number, clock: Clock): Promise<Owner> {
  bootId ??= readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  return {
    epoch,
    pid: process.pid,
    host: hostname(),
    title: [process.title, process.argv[1]].join(' ').trim(),
    bootId: (await bootId).trim(),
    since: new Date(clock.now()).toISOString(),
  }
}

/** Undefined if nobody has owned the directory yet. */
async function readOwner(fileSystem: FileSystem, directory: string): Promise<Owner | undefined> {
  const path = `${directory}/${ownerFile}`
  const text = await readText(fileSystem, path)
  if (text === undefined) return undefined
  const owner = parseOwner(text)
  if (owner) return owner
  throw new WalError(
    'ERR_CORRUPT_LOG',
    `${path} is damaged. It holds the epoch by which one owner of the directory is told from the ` +
      'next. Restore it, or write {"epoch": N} into it with N above that of every owner before.',
  )
}

/** What `owner.json` says; undefined if that cannot be told. */
export function parseOwner(text: string): Owner | undefined {
  try {
    const owner: Partial<Owner> = JSON.parse(text)
    if (Number.isSafeInteger(owner.epoch)) return owner as Owner
  } catch {
    // Only the epoch is needed, and it comes first: what follows may be torn, see `overwriteOwner`.
    const epoch = Number(/^\{\s*"epoch": (\d+),/.exec(text)?.[1])
    if (Number.isSafeInteger(epoch)) return { ...unknownOwner, epoch }
  }
  return undefined
}

async function readText(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  try {
    const file = await fileSystem.open(path, 'read')
    try {
      const bytes = Buffer.alloc(await file.size())
      return bytes.toString('utf8', 0, await file.read(bytes, 0))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

async function writeOwner(fileSystem: FileSystem, directory: string, owner: Owner): Promise<void> {
  const path = `${directory}/${ownerFile}`
  const text = `${JSON.stringify(owner, null, 2)}\n`
  try {
    await replaceOwner(fileSystem, path, text)
  } catch (error) {
    if (!isDiskFull(error)) throw error
    await removeIfThere(fileSystem, `${path}.new`)
    await overwriteOwner(fileSystem, path, text, error)
  }
}

/** Under another name first, so that a crash leaves the old file or the new one, whole. */
async function replaceOwner(fileSystem: FileSystem, path: string, text: string): Promise<void> {
  await removeIfThere(fileSystem, `${path}.new`)
  const file = await fileSystem.create(`${path}.new`)
  try {
    await file.write(Buffer.from(text), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await fileSystem.rename(`${path}.new`, path)
  await fileSystem.syncDirectory(dirname(path))
}

/**
 * Over the old text: on a full disk the log must open all the same, for what is delivered can then
 * be let go of. The file has a block, which is as good as ever. A power cut may leave the first
 * sectors of the new text and the last ones of the old; the epoch is in the first.
 */
async function overwriteOwner(
  fileSystem: FileSystem,
  path: string,
  text: string,
  cause: unknown,
): Promise<void> {
  const file = await fileSystem.open(path, 'read-write').catch((error: unknown) => {
    throw errnoOf(error) === 'ENOENT' ? cause : error
  })
  try {
    await file.write(Buffer.from(text.padEnd(await file.size())), 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.remove(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error
  })
}

function inUse(directory: string, holder: Owner | undefined): WalError {
  const who = holder
    ? `process ${holder.pid} (${holder.title}) on ${holder.host}, since ${holder.since}`
    : 'another process'
  return new WalError(
    'ERR_DIRECTORY_IN_USE',
    `${directory} is in use by ${who}. A directory has one owner at a time: close that one, give ` +
      'each process a directory of its own, or let one process do the writing for all.',
    { retryable: true },
  )
}

function lost(directory: string, epoch: number, why: string): WalError {
  return new WalError(
    'ERR_OWNERSHIP_LOST',
    `${directory} is no longer owned by epoch ${epoch}: ${why}. Nothing more is written there by ` +
      'this process. Open it again, and see what else touches the directory.',
  )
}

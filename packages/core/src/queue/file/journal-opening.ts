import { isWalError, WalError } from '../../errors.ts'
import type { Random } from '../../random.ts'
import type { File, FileSystem } from './file-system.ts'
import { JournalFile } from './journal-file.ts'
import { type JournalKind, readHeader } from './journal-format.ts'
import { scanJournal } from './journal-scan.ts'
import { whatToDo } from './log-errors.ts'

export interface JournalOptions {
  readonly directory: string
  /** File name in the directory. `<name>.new` is ours too. */
  readonly name: string
  readonly kind: JournalKind
  readonly fileSystem: FileSystem
  readonly random: Random
  /**
   * What to do where bytes are damaged that had been synced: `'refuse'` to open, with
   * `ERR_CORRUPT_LOG` and nothing changed; or `'cut'` them off with all that follows them, and say
   * so. A torn tail is cut in either case.
   */
  readonly damage: 'refuse' | 'cut'
  /** Called for each entry, in order, while opening. The bytes may not be kept. */
  replay(body: Buffer, offset: number): void
}

/** A journal's file, ready to be appended to. */
export interface OpenedJournalFile {
  readonly file: JournalFile
  /** What was cut off, if it had been synced. */
  readonly damage: WalError | undefined
}

export function journalPath({ directory, name }: JournalOptions): string {
  return `${directory}/${name}`
}

/** Opens the file of a journal after whatever has happened to it, or makes one. See `Journal.open`. */
export async function openJournalFile(options: JournalOptions): Promise<OpenedJournalFile> {
  const { fileSystem, directory } = options
  const path = journalPath(options)
  const names = await fileSystem.list(directory)
  if (names.includes(`${options.name}.new`)) await fileSystem.remove(`${path}.new`)
  if (!names.includes(options.name)) return { file: await create(options, path), damage: undefined }
  try {
    return await openExisting(options, path)
  } catch (error) {
    const unreadable = isWalError(error) && error.code !== 'ERR_FUTURE_FORMAT'
    if (options.damage === 'refuse' || !unreadable) throw refusal(error)
    // Nothing of it can be used. It is kept aside, for a person to look at.
    await fileSystem.rename(path, `${path}.damaged`)
    return { file: await create(options, path), damage: error }
  }
}

/** Of damage that a person has to see to. */
function refusal(error: unknown): unknown {
  if (!isWalError(error) || error.code !== 'ERR_CORRUPT_LOG') return error
  return new WalError(error.code, `${error.message} ${whatToDo}`, { cause: error })
}

/** Makes it under another name first, so that no crash leaves a file without its header. */
async function create(options: JournalOptions, path: string): Promise<JournalFile> {
  const { fileSystem, directory } = options
  const { file } = await JournalFile.write({ ...options, path: `${path}.new` }, [])
  await fileSystem.rename(`${path}.new`, path)
  await fileSystem.syncDirectory(directory)
  return file
}

async function openExisting(options: JournalOptions, path: string): Promise<OpenedJournalFile> {
  const file = await options.fileSystem.open(path, 'read-write')
  try {
    const salt = await readHeader(file, options.kind, path)
    const { end, count, syncedEnd, damage } = await scanJournal(file, salt, options.replay)
    const error = damage === 'synced' ? damagedError(path, end, count) : undefined
    if (error && options.damage === 'refuse') throw error
    if (damage !== 'none') await file.truncate(end)
    await makeLasting(file, syncedEnd, end)
    return { file: new JournalFile(file, path, salt, end, count), damage: error }
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
}

/**
 * Nobody knows whether the last bytes were ever synced, nor whether a sync of them failed: the
 * system then takes them for clean and never writes them. Written once more, they are synced.
 */
async function makeLasting(file: File, from: number, to: number): Promise<void> {
  const bytes = Buffer.alloc(to - from)
  const read = await file.read(bytes, from)
  if (read > 0) await file.write(bytes.subarray(0, read), from)
  await file.sync()
}

function damagedError(path: string, end: number, count: number): WalError {
  return new WalError(
    'ERR_CORRUPT_LOG',
    `${path} is damaged at offset ${end}, behind its first ${count} entries: ` +
      'entries written later show that the damaged bytes had been synced.',
  )
}

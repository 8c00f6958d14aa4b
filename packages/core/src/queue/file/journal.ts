import { isWalError, WalError } from '../../errors.ts'
import type { Random } from '../../random.ts'
import { diskError, errnoOf } from './file-queue-error.ts'
import type { File, FileSystem } from './file-system.ts'
import { JournalFile } from './journal-file.ts'
import { type JournalKind, readHeader } from './journal-format.ts'
import { scanJournal } from './journal-scan.ts'

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

export interface AppendOptions {
  /** True: resolve only once synced. */
  readonly lasting?: boolean
  /**
   * Told where each body went, once written (and synced, if lasting), before anything else is
   * written to the file: what it sets up is complete when a rewrite asks for the contents.
   */
  readonly written?: (offsets: readonly number[]) => void
}

/** Where a journal's contents come from when it is written anew, and who is told where they went. */
export interface RewriteOptions {
  /** Everything the new file must hold. Asked for when no append is on its way. */
  contents(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>
  moved?: (offsets: readonly number[]) => void
}

interface Group {
  readonly takes: { take(): readonly Uint8Array[]; written: AppendOptions['written'] }[]
  lasting: boolean
  readonly done: Promise<void>
}

/**
 * One append-only file of checked entries, which can be written anew while in use.
 *
 * At most one write is on its way; what is appended meanwhile goes out together with the next.
 *
 *   sound ── a write or sync fails, or a rename is not known to be lasting ──▶ broken
 *   broken ── rewrite succeeds ──▶ sound
 *
 * After a failed write or sync nobody knows what the file holds (the system may have dropped the
 * bytes and forgotten the error), so a broken journal takes no more appends: its owner rewrites
 * it from what it knows. A crash leaves the old file or the new one, whole: the name is moved only
 * to a file that is complete and synced.
 */
export class Journal {
  readonly #options: JournalOptions
  readonly path: string
  #file: JournalFile
  #broken = false
  #closed = false
  /** True once this journal has written an entry: closing it then says that all was synced. */
  #touched = false
  /** The appends that the next write will take. */
  #group: Group | undefined
  /** Settles when everything asked for so far is done. */
  #last: Promise<void> = Promise.resolve()

  private constructor(options: JournalOptions, file: JournalFile) {
    this.#options = options
    this.path = pathOf(options)
    this.#file = file
  }

  /**
   * Opens the journal, or makes an empty one. Answers what was cut off, if it had been synced.
   * Rejects with `ERR_NOT_A_LOG`, `ERR_FUTURE_FORMAT`, `ERR_CORRUPT_LOG` or an error of the disk.
   */
  static async open(
    options: JournalOptions,
  ): Promise<{ readonly journal: Journal; readonly damage: WalError | undefined }> {
    const path = pathOf(options)
    try {
      const { file, damage } = await openOrCreate(options, path)
      return { journal: new Journal(options, file), damage }
    } catch (error) {
      throw diskError('open the journal', path, error)
    }
  }

  /** True if the file can no longer be trusted: `rewrite` it. */
  get broken(): boolean {
    return this.#broken
  }

  /** Size of the file in bytes. */
  get bytes(): number {
    return this.#file.end
  }

  /**
   * Appends what `take` answers when it is called, once the write before has ended. Resolves when
   * that is written, so that it survives the process, and if `lasting`, synced. Rejects if it is
   * not certain to be; the journal is broken then. `take` is always called, unless it is closed.
   */
  append(take: () => readonly Uint8Array[], options: AppendOptions = {}): Promise<void> {
    if (this.#closed) return Promise.reject(closedError(this.path))
    this.#group ??= this.#newGroup()
    this.#group.takes.push({ take, written: options.written })
    if (options.lasting) this.#group.lasting = true
    return this.#group.done
  }

  /** Resolves once everything appended so far is synced. */
  sync(): Promise<void> {
    return this.append(() => [], { lasting: true })
  }

  /** Moves the journal to a new file with these contents: to mend it, or to make it smaller. */
  rewrite({ contents, moved }: RewriteOptions): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#closed) throw closedError(this.path)
      const { file, offsets } = await this.#replace(contents())
      const old = this.#file
      this.#file = file
      this.#broken = false
      moved?.(offsets)
      await old.retire().catch(() => {})
    })
  }

  /** Reads an entry again. May run beside anything else. */
  read(offset: number, bodyBytes: number): Promise<Buffer> {
    const { path } = this
    return this.#file.read(offset, bodyBytes).catch((error: unknown) => {
      throw diskError('read the journal', path, error)
    })
  }

  /** Syncs what was appended and closes the file. A second call does nothing more. */
  async close(): Promise<void> {
    if (this.#closed) return this.#last
    this.#closed = true
    await this.#exclusively(async () => {
      try {
        if (!this.#broken) await this.#finish()
      } finally {
        await this.#file.retire().catch(() => {})
      }
    }).catch((error: unknown) => {
      throw diskError('close the journal', this.path, error)
    })
  }

  /** Closes the file as it is, for another owner may be writing to it. */
  async abandon(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#broken = true
    await this.#exclusively(() => this.#file.retire()).catch(() => {})
  }

  /** Two syncs: the empty entry may only be written once what it vouches for is lasting. */
  async #finish(): Promise<void> {
    if (this.#file.dirty) await this.#file.sync()
    if (!this.#touched || this.#options.damage === 'cut') return
    await this.#file.append([new Uint8Array(0)])
    await this.#file.sync()
  }

  #newGroup(): Group {
    const group: Group = {
      takes: [],
      lasting: false,
      done: this.#exclusively(() => this.#write(group)),
    }
    return group
  }

  async #write(group: Group): Promise<void> {
    this.#group = undefined
    const bodies = group.takes.map(({ take }) => take())
    if (this.#broken) throw brokenError(this.path)
    try {
      this.#touched ||= bodies.some((taken) => taken.length > 0)
      const offsets = await this.#file.append(bodies.flat())
      if (group.lasting && this.#file.dirty) await this.#file.sync()
      let at = 0
      for (const [index, { written }] of group.takes.entries()) {
        const taken = bodies[index]?.length ?? 0
        written?.(offsets.slice(at, at + taken))
        at += taken
      }
    } catch (error) {
      this.#broken = true
      throw diskError('write the journal', this.path, error)
    }
  }

  async #replace(bodies: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
    const { fileSystem, directory } = this.#options
    const path = `${this.path}.new`
    try {
      await removeIfThere(fileSystem, path)
      const written = await JournalFile.write({ ...this.#options, path }, bodies)
      try {
        // From here on a crash may bring back either file, so the old one takes no more appends.
        this.#broken = true
        await fileSystem.rename(path, this.path)
        await fileSystem.syncDirectory(directory)
      } catch (error) {
        await written.file.retire().catch(() => {})
        throw error
      }
      return written
    } catch (error) {
      // Gives back the room it took. Fails where the rename was done, and then there is nothing.
      await fileSystem.remove(path).catch(() => {})
      throw diskError('rewrite the journal', this.path, error)
    }
  }

  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#last.then(run)
    this.#last = result.then(
      () => {},
      () => {},
    )
    return result
  }
}

async function openOrCreate(
  options: JournalOptions,
  path: string,
): Promise<{ file: JournalFile; damage: WalError | undefined }> {
  const { fileSystem, directory } = options
  const names = await fileSystem.list(directory)
  if (names.includes(`${options.name}.new`)) await fileSystem.remove(`${path}.new`)
  if (!names.includes(options.name)) return { file: await create(options, path), damage: undefined }
  try {
    return await openExisting(options, path)
  } catch (error) {
    const unreadable = isWalError(error) && error.code !== 'ERR_FUTURE_FORMAT'
    if (options.damage === 'refuse' || !unreadable) throw error
    // Nothing of it can be used. It is kept aside, for a person to look at.
    await fileSystem.rename(path, `${path}.damaged`)
    return { file: await create(options, path), damage: error }
  }
}

/** Makes it under another name first, so that no crash leaves a file without its header. */
async function create(options: JournalOptions, path: string): Promise<JournalFile> {
  const { fileSystem, directory } = options
  const { file } = await JournalFile.write({ ...options, path: `${path}.new` }, [])
  await fileSystem.rename(`${path}.new`, path)
  await fileSystem.syncDirectory(directory)
  return file
}

async function openExisting(options: JournalOptions, path: string) {
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

async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.remove(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error
  })
}

function pathOf({ directory, name }: JournalOptions): string {
  return `${directory}/${name}`
}

function damagedError(path: string, end: number, count: number): WalError {
  return new WalError(
    'ERR_CORRUPT_LOG',
    `${path} is damaged at offset ${end}, behind its first ${count} entries: ` +
      'entries written later show that the damaged bytes had been synced.',
  )
}

function brokenError(path: string): WalError {
  return new WalError('ERR_IO', `An earlier write to ${path} failed; it must be rewritten first.`, {
    retryable: true,
  })
}

function closedError(path: string): WalError {
  return new WalError('ERR_CLOSED', `The journal ${path} is closed.`)
}

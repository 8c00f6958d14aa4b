import { WalError } from '../../errors.ts'
import { diskError, errnoOf } from './file-queue-error.ts'
import type { FileSystem } from './file-system.ts'
import { JournalFile } from './journal-file.ts'
import { type JournalOptions, journalPath, openJournalFile } from './journal-opening.ts'

export type { JournalOptions } from './journal-opening.ts'

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
    this.path = journalPath(options)
    this.#file = file
  }

  /**
   * Opens the journal, or makes an empty one. Answers what was cut off, if it had been synced.
   * Rejects with `ERR_NOT_A_LOG`, `ERR_FUTURE_FORMAT`, `ERR_CORRUPT_LOG` or an error of the disk.
   */
  static async open(
    options: JournalOptions,
  ): Promise<{ readonly journal: Journal; readonly damage: WalError | undefined }> {
    const path = journalPath(options)
    try {
      const { file, damage } = await openJournalFile(options)
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

  /** The bytes of an entry as they are, header and body, whole or not. */
  readDamaged(offset: number, bodyBytes: number): Promise<Buffer> {
    return this.#file.readRaw(offset, bodyBytes)
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
      const offsets = await this.#file.append(bodies.flat(), { lasting: group.lasting })
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

async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.remove(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error
  })
}

function brokenError(path: string): WalError {
  return new WalError('ERR_IO', `An earlier write to ${path} failed; it must be rewritten first.`, {
    retryable: true,
  })
}

function closedError(path: string): WalError {
  return new WalError('ERR_CLOSED', `The journal ${path} is closed.`)
}

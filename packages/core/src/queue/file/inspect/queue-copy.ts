import { join } from 'node:path'
import type { Clock } from '../../../clock.ts'
import type { StoredDeadLetter } from '../../../dlq/dlq.ts'
import { openFileDeadLetterQueue } from '../../../dlq/file-dlq.ts'
import type { WalError } from '../../../errors.ts'
import type { Random } from '../../../random.ts'
import type { CursorState } from '../cursor-state.ts'
import type { FileSystem } from '../file-system.ts'
import { JournalFile } from '../journal-file.ts'
import { type Log, openLog } from '../log.ts'
import { type Ownership, takeOwnership } from '../owner.ts'
import type { AcquireLock } from '../owner-lock.ts'
import { beginCopy, finishCopy } from './unfinished-copy.ts'

export interface QueueCopyOptions {
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly lock: AcquireLock
  readonly clock: Clock
  readonly random: Random
  readonly segmentBytes: number | undefined
}

/** Letters are put so many at a time, so that they share a sync. */
const lettersAtOnce = 100

/** A queue's directory that is being filled. Until `finish` it cannot be opened as a queue. */
export class QueueCopy {
  readonly #options: QueueCopyOptions
  readonly #ownership: Ownership
  #log: Log | undefined

  private constructor(options: QueueCopyOptions, ownership: Ownership) {
    this.#options = options
    this.#ownership = ownership
  }

  /** Rejects with `ERR_DIRECTORY_UNSUITABLE` if there is anything in it but an unfinished copy. */
  static async begin(options: QueueCopyOptions): Promise<QueueCopy> {
    const { directory, fileSystem } = options
    await fileSystem.makeDirectory(directory)
    const ownership = await takeOwnership(options)
    try {
      await beginCopy(fileSystem, directory)
      return new QueueCopy(options, ownership)
    } catch (error) {
      await ownership.release()
      throw error
    }
  }

  /** The log to append to; closed by `finish` or `leave`. */
  async openLog(namespace: string): Promise<Log> {
    const { directory, fileSystem, random, clock, segmentBytes } = this.#options
    this.#log = await openLog({
      directory: join(directory, 'segments'),
      fileSystem,
      random,
      clock,
      epoch: this.#ownership.epoch,
      namespace,
      segmentBytes,
      knownSynced: 0,
      ownershipLoss: () => this.#ownership.loss(),
      // Whoever appends is told the same.
      reportError() {},
    })
    return this.#log
  }

  /** `path` is that of the cursor in a queue's directory. */
  async addCursor(path: string, state: CursorState): Promise<void> {
    const { directory, fileSystem, random } = this.#options
    const journal = { fileSystem, random, path: join(directory, path), kind: 'curs' } as const
    const { file } = await JournalFile.write(journal, state.contents())
    await file.retire()
    await fileSystem.syncDirectory(join(directory, 'cursors'))
  }

  /** The entries of a journal of transactions, as they are; `path` is its in a queue's directory. */
  async addTransactions(path: string, entries: AsyncIterable<Uint8Array>): Promise<void> {
    const { directory, fileSystem, random } = this.#options
    const journal = { fileSystem, random, path: join(directory, path), kind: 'tran' } as const
    const { file } = await JournalFile.write(journal, entries)
    await file.retire()
    await fileSystem.syncDirectory(join(directory, 'transactions'))
  }

  /** Answers how many there were. */
  async addLetters(letters: AsyncIterable<StoredDeadLetter>): Promise<number> {
    const { directory, fileSystem, random } = this.#options
    const errors: WalError[] = []
    const queue = await openFileDeadLetterQueue({
      directory: join(directory, 'dead-letters'),
      fileSystem,
      random,
      reportError: (error) => errors.push(error),
    })
    try {
      let count = 0
      let batch: StoredDeadLetter[] = []
      for await (const letter of letters) {
        count += 1
        if (batch.push(letter) < lettersAtOnce) continue
        await queue.put(batch)
        batch = []
      }
      await queue.put(batch)
      return count
    } finally {
      await queue.close()
    }
  }

  /** Closes the log and lets the directory be opened. */
  async finish(): Promise<void> {
    const { directory, fileSystem } = this.#options
    await this.#log?.close()
    await finishCopy(fileSystem, directory)
    await this.#ownership.release()
  }

  /** Gives up. What there is stays, for the next attempt to start over. */
  async leave(): Promise<void> {
    await this.#log?.close().catch(() => {})
    await this.#ownership.release()
  }
}

import { isWalError, WalError } from '../errors.ts'
import type { FileSystem } from '../queue/file/file-system.ts'
import { Journal } from '../queue/file/journal.ts'
import type { Random } from '../random.ts'
import type {
  DeadLetterFilter,
  DeadLetterPageOptions,
  DeadLetterQueue,
  DeadLetterSummary,
  StoredDeadLetter,
  StoredDeadLetterPage,
} from './dlq.ts'
import { damageError, keepAside, remainsOf } from './file-dlq-damage.ts'
import {
  decodeLetter,
  encodeNext,
  encodePut,
  encodeRemoved,
  readEntry,
  setNumber,
} from './file-dlq-format.ts'
import { type IndexedLetter, LetterIndex } from './file-dlq-index.ts'
import { pageBoundsOf } from './page-bounds.ts'

export interface FileDeadLetterQueueOptions {
  /** Must exist, and belong to this process alone. */
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly random: Random
  /** Named by what is left of a damaged letter; default none. */
  readonly namespace?: string | undefined
  /**
   * The file is written anew once so many bytes of it, and more than half, are of letters that are
   * gone. Default 1 MiB.
   */
  readonly leastDeadBytes?: number | undefined
  /** Told of what fails in the background; a rewrite of the file, say. */
  reportError(error: WalError): void
}

/** Letters read from the file at once. */
const readCount = 16
/** And for a new file, where all changes wait meanwhile: that many, or of so many bytes. */
const mostInLot = 32
const mostLotBytes = 4 << 20

const defaultLeastDeadBytes = 1 << 20

/**
 * Opens the dead-letter queue in a directory. Rejects with `ERR_CORRUPT_LOG` where a letter that
 * was known to be durable is damaged, and with `ERR_FUTURE_FORMAT`, `ERR_NOT_A_LOG` or an error of
 * the disk; nothing is changed then.
 */
export async function openFileDeadLetterQueue(
  options: FileDeadLetterQueueOptions,
): Promise<FileDeadLetterQueue> {
  const index = new LetterIndex()
  const read = { lastNumber: 0, highestVersion: 0n }
  const { journal } = await Journal.open({
    ...options,
    name: 'letters.journal',
    kind: 'dead',
    damage: 'refuse',
    replay(body, offset) {
      const entry = readEntry(body)
      if (entry.kind === 'put') {
        index.put(entry.summary, offset, body.byteLength)
        read.lastNumber = Math.max(read.lastNumber, entry.summary.number)
        const { version } = entry.summary
        if (version > read.highestVersion) read.highestVersion = version
      } else if (entry.kind === 'removed') {
        for (const number of entry.numbers) {
          const letter = index.byNumber(number)
          if (letter) index.remove(letter)
        }
      } else read.lastNumber = Math.max(read.lastNumber, entry.number - 1)
    },
  })
  return new FileDeadLetterQueue(options, journal, index, read)
}

/**
 * Dead letters in one file: put, remove, and nothing else is ever written to it. Calls made at the
 * same time share a write and a sync. Only an index is kept in memory, about 300 bytes a letter;
 * the letters are read from the file when asked for.
 */
export class FileDeadLetterQueue implements DeadLetterQueue {
  readonly #options: FileDeadLetterQueueOptions
  readonly #journal: Journal
  readonly #index: LetterIndex
  readonly #leastDeadBytes: number
  /** Letters whose damage has been reported. */
  readonly #damaged = new Set<string>()
  #lastNumber: number
  #highestVersion: bigint
  #rewriting: Promise<void> | undefined
  /** Size of the file at which a rewrite that failed is tried again. */
  #rewriteAtBytes = 0
  #closed = false

  constructor(
    options: FileDeadLetterQueueOptions,
    journal: Journal,
    index: LetterIndex,
    read: { readonly lastNumber: number; readonly highestVersion: bigint },
  ) {
    this.#options = options
    this.#leastDeadBytes = options.leastDeadBytes ?? defaultLeastDeadBytes
    this.#journal = journal
    this.#index = index
    this.#lastNumber = read.lastNumber
    this.#highestVersion = read.highestVersion
  }

  get closed(): boolean {
    return this.#closed
  }

  /** The highest version among the letters read or put; 0n if there was none. */
  get highestVersion(): bigint {
    return this.#highestVersion
  }

  async put(letters: readonly StoredDeadLetter[]): Promise<void> {
    this.#checkOpen()
    if (letters.length === 0) return
    const bodies = letters.map(encodePut)
    const what = letters.length === 1 ? `dead letter ${letters[0]?.id}` : 'dead letters'
    await this.#append(
      `store the ${what}`,
      () => {
        for (const body of bodies) setNumber(body, ++this.#lastNumber)
        return bodies
      },
      (offsets) => {
        for (const [at, body] of bodies.entries()) {
          const entry = readEntry(body)
          if (entry.kind !== 'put') continue
          this.#index.put(entry.summary, offsets[at] as number, body.byteLength)
          const { version } = entry.summary
          if (version > this.#highestVersion) this.#highestVersion = version
        }
      },
    )
  }

  async list(options: DeadLetterPageOptions): Promise<StoredDeadLetterPage> {
    this.#checkOpen()
    const { after, limit } = pageBoundsOf(options)
    // One more than asked for, to know whether there is a next page.
    const found = this.#index.find(after, limit + 1, (letter) => matches(letter, options))
    const page = found.slice(0, limit)
    const letters: StoredDeadLetter[] = []
    for (let at = 0; at < page.length; at += readCount) {
      const read = await Promise.all(page.slice(at, at + readCount).map((each) => this.#read(each)))
      for (const letter of read) if (letter) letters.push(letter)
    }
    return { letters, next: found.length > limit ? page.at(-1)?.number.toString() : undefined }
  }

  async get(id: string): Promise<StoredDeadLetter | undefined> {
    this.#checkOpen()
    const letter = this.#index.get(id)
    return letter && this.#read(letter)
  }

  async remove(ids: readonly string[]): Promise<number> {
    this.#checkOpen()
    const letters = new Set(ids.flatMap((id) => this.#index.get(id) ?? []))
    if (letters.size === 0) return 0
    const numbers = [...letters].map(({ number }) => number)
    let removed = 0
    await this.#append(
      `remove ${letters.size} dead letters`,
      () => [encodeRemoved(numbers)],
      () => {
        // Another call may have been faster.
        for (const letter of letters) if (this.#index.remove(letter)) removed++
      },
    )
    return removed
  }

  async *summaries(): AsyncIterable<DeadLetterSummary> {
    this.#checkOpen()
    for (const letter of this.#index.behind(0)) {
      const { id, recordId, target, key, attemptEpoch, version } = letter
      yield { id, recordId, target, key, attemptEpoch, version }
    }
  }

  async count(): Promise<ReadonlyMap<string, number>> {
    this.#checkOpen()
    const counts = new Map<string, number>()
    for (const { target } of this.#index.behind(0)) {
      counts.set(target, (counts.get(target) ?? 0) + 1)
    }
    return counts
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#rewriting?.catch(() => {})
    await this.#journal.close()
  }

  /** Lets go of the file and writes nothing more to it, for it has another owner now. */
  async abandon(): Promise<void> {
    this.#closed = true
    await this.#journal.abandon()
  }

  /**
   * Resolves once the entries are synced. They are taken when it is their turn to be written, and
   * `written` is called with their offsets before the next ones are: file and index go in step.
   */
  async #append(
    doing: string,
    take: () => readonly Uint8Array[],
    written: (offsets: readonly number[]) => void,
  ): Promise<void> {
    try {
      if (this.#journal.broken) await this.#rewrite()
      await this.#journal.append(take, { lasting: true, written })
    } catch (error) {
      const { message, retryable } = error as WalError
      throw new WalError('ERR_DLQ_WRITE', `Could not ${doing}: ${message}`, {
        cause: error,
        retryable,
      })
    }
    this.#rewriteIfMostlyDead()
  }

  /** Undefined if it is gone by now. */
  async #read(letter: IndexedLetter): Promise<StoredDeadLetter | undefined> {
    if (letter.gone) return undefined
    const body = await this.#bodyOf(letter)
    if (body !== undefined) return decodeLetter(body)
    return letter.gone ? undefined : remainsOf(letter, this.#options.namespace)
  }

  /** Undefined if it is damaged, which is reported. */
  async #bodyOf(letter: IndexedLetter): Promise<Buffer | undefined> {
    try {
      return await this.#journal.read(letter.offset, letter.bodyBytes)
    } catch (error) {
      if (!isWalError(error) || error.code !== 'ERR_CORRUPT_LOG') throw error
      const isNews = !letter.gone && !this.#damaged.has(letter.id)
      this.#damaged.add(letter.id)
      const where = 'The next rewrite of the file will keep its bytes aside.'
      if (isNews) this.#options.reportError(damageError(letter, where, error))
      return undefined
    }
  }

  #rewriteIfMostlyDead(): void {
    const { bytes } = this.#journal
    const dead = bytes - this.#index.liveBytes
    if (dead < this.#leastDeadBytes || dead < bytes / 2 || bytes < this.#rewriteAtBytes) return
    if (this.#rewriting || this.#closed) return
    this.#rewrite().catch((error: WalError) => {
      // The file is as good as before, only larger than it need be.
      this.#rewriteAtBytes = 2 * bytes
      if (!this.#journal.broken) this.#options.reportError(error)
    })
  }

  /** Moves the letters that wait, and nothing else, to a new file. */
  #rewrite(): Promise<void> {
    const moved: { readonly letter: IndexedLetter; readonly bodyBytes: number }[] = []
    this.#rewriting ??= this.#journal
      .rewrite({
        contents: () => this.#bodiesOf(this.#index.behind(0), moved),
        moved: (offsets) => {
          // The first is that of the next number.
          for (const [at, { letter, bodyBytes }] of moved.entries()) {
            this.#index.moved(letter, offsets[at + 1] as number, bodyBytes)
          }
        },
      })
      .finally(() => {
        this.#rewriting = undefined
      })
    return this.#rewriting
  }

  async *#bodiesOf(
    letters: readonly IndexedLetter[],
    moved: { readonly letter: IndexedLetter; readonly bodyBytes: number }[],
  ): AsyncGenerator<Uint8Array> {
    yield encodeNext(this.#lastNumber + 1)
    for (const lot of lotsOf(letters)) {
      const bodies = await Promise.all(lot.map((letter) => this.#bodyOf(letter)))
      for (const [at, letter] of lot.entries()) {
        const body = bodies[at] ?? (await this.#setAside(letter))
        moved.push({ letter, bodyBytes: body.byteLength })
        yield body
      }
    }
  }

  /** Keeps the bytes of a damaged letter in a file; answers the entry of what is left of it. */
  async #setAside(letter: IndexedLetter): Promise<Buffer> {
    const { fileSystem, directory, namespace, reportError } = this.#options
    const { number, offset, bodyBytes } = letter
    const bytes = await this.#journal.readDamaged(offset, bodyBytes)
    const path = await keepAside(fileSystem, directory, `letter-${number}.damaged`, bytes)
    reportError(damageError(letter, `Its bytes are kept in ${path}.`, undefined))
    const body = encodePut(remainsOf(letter, namespace, path))
    setNumber(body, number)
    return body
  }

  #checkOpen(): void {
    if (this.#closed) throw new WalError('ERR_CLOSED', 'The dead-letter queue is closed.')
  }
}

function matches({ target, key, code, at }: IndexedLetter, filter: DeadLetterFilter): boolean {
  return (
    (filter.target === undefined || filter.target === target) &&
    (filter.key === undefined || filter.key === key) &&
    (filter.code === undefined || filter.code === code) &&
    (filter.since === undefined || at >= filter.since) &&
    (filter.until === undefined || at < filter.until)
  )
}

/** Letters to be read at once for a new file: one after the other, each would wait for the thread pool, and changes for all. */
function* lotsOf(letters: readonly IndexedLetter[]): Generator<readonly IndexedLetter[]> {
  let lot: IndexedLetter[] = []
  let bytes = 0
  for (const letter of letters) {
    lot.push(letter)
    bytes += letter.bodyBytes
    if (lot.length < mostInLot && bytes < mostLotBytes) continue
    yield lot
    lot = []
    bytes = 0
  }
  yield lot
}

import { resolve } from 'node:path'
import { sizeBytes } from '../../config/quantity.ts'
import type { Consumer } from '../../consumer/consumer.ts'
import type { DeadLetterQueue } from '../../dlq/dlq.ts'
import type { FileDeadLetterQueue } from '../../dlq/file-dlq.ts'
import { isWalError, WalError } from '../../errors.ts'
import type { Producer } from '../../producer/producer.ts'
import type { FileTransactionStore } from '../../transaction/file-transactions.ts'
import type { TransactionStore } from '../../transaction/transaction-store.ts'
import type { PastRange, PastReader } from '../past.ts'
import type { KeptRecords, Queue, QueueContext, QueueSupports } from '../queue.ts'
import type { Recall } from '../recall.ts'
import type { Cursor } from './cursor.ts'
import { FileConsumer } from './file-consumer.ts'
import { FileFeed } from './file-feed.ts'
import { FilePastReader } from './file-past-reader.ts'
import { FileProducer } from './file-producer.ts'
import { fileNameOf } from './file-queue-names.ts'
import { type FileQueuePlace, type OpenParts, openParts } from './file-queue-opening.ts'
import { checkFileQueueOptions, type FileQueueOptions } from './file-queue-options.ts'
import { recallRecord } from './file-recall.ts'
import { guardReports } from './guard-reports.ts'
import { nodeFileSystem } from './node-file-system.ts'
import { ownerLock } from './owner-lock.ts'
import { versionsAbove } from './versions-above.ts'

export type { FileQueueOptions }

/** Largest single record: a payload of 64 MiB, and room for the longest fields that `write` takes. */
const largestRecordBytes = 65 * 2 ** 20

const defaultScheduleRecords = 32_768

/** Longest time in use without a look at whether the directory is still ours, in ms. */
const checkAfterMs = 1000

const supports: QueueSupports = Object.freeze({
  order: 'key',
  longestDelayMs: Number.POSITIVE_INFINITY,
  largestRecordBytes,
  largestBatchRecords: Number.POSITIVE_INFINITY,
  largestBatchBytes: 256 * 2 ** 20,
  replay: true,
  independentReaders: true,
  deadLetterListing: true,
  durability: 'machine',
  shared: false,
  attempts: 'all',
  releaseHoldsKey: false,
})

/**
 * The embedded log: a queue in a directory of this machine's disk, with no server. A record it
 * answers `'yes'` to is synced and survives a power cut. One process at a time owns the directory.
 *
 * A target that is new to a directory starts with the oldest record in it. One that is taken out of
 * the configuration and comes back goes on where it was, or with the oldest record if what it was not
 * done with has gone since: the namespace's retention holds nothing for targets that are not there.
 *
 * Throws `ConfigError` for options that are wrong or unknown, `ERR_INVALID_SIZE` for a size that is none. `open` rejects with `ERR_CONFIG` (no directory given), `ERR_DIRECTORY_DENIED`,
 * `ERR_DIRECTORY_IN_USE`, `ERR_DIRECTORY_UNSUITABLE`, `ERR_DISK_FULL`, `ERR_FUTURE_FORMAT`,
 * `ERR_NOT_A_LOG`, `ERR_CORRUPT_LOG` or `ERR_IO`.
 */
export function fileQueue(options: FileQueueOptions = {}): Queue {
  checkFileQueueOptions(options)
  const { segmentBytes, maxGroupBytes } = options
  return new FileQueue({
    ...options,
    segmentBytes: segmentBytes === undefined ? undefined : sizeBytes(segmentBytes),
    maxGroupBytes: maxGroupBytes === undefined ? undefined : sizeBytes(maxGroupBytes),
  })
}

interface CheckedOptions extends FileQueueOptions {
  readonly segmentBytes: number | undefined
  readonly maxGroupBytes: number | undefined
}

class FileQueue implements Queue {
  readonly kind = 'file'
  readonly supports = supports
  readonly #options: CheckedOptions
  #context: QueueContext | undefined
  #isOpening = false
  /** Undefined while closed. */
  #parts: OpenParts | undefined
  #deadLetters: FileDeadLetterQueue | undefined
  #transactions: Promise<FileTransactionStore> | undefined
  readonly #consuming = new Set<string>()
  /** By target: those of consumers, and those that were opened for a recall. */
  readonly #feeds = new Map<string, Promise<FileFeed>>()
  /** By target: the closing of its consumer, and so of its feed. */
  readonly #closings = new Map<string, Promise<void>>()
  #stopListening: () => void = () => {}
  /** Why the directory is no longer ours; undefined while it is. */
  #lost: WalError | undefined
  #stopped: Promise<unknown> = Promise.resolve()
  /** Monotonic ms of the last look at that. */
  #checkedAt = 0

  constructor(options: CheckedOptions) {
    this.#options = options
  }

  async open(context: QueueContext): Promise<void> {
    if (this.#parts || this.#isOpening) {
      throw new WalError(
        'ERR_CONFIG',
        `The file queue for "${context.namespace}" is open already; give each a fileQueue() of its own.`,
      )
    }
    const guarded = guardReports(context)
    const place = this.#place(context)
    this.#isOpening = true
    const opened = openParts(place, guarded, (error) => this.#stop(error))
    const parts = await opened.finally(() => {
      this.#isOpening = false
    })
    this.#context = guarded
    this.#parts = parts
    this.#deadLetters = parts.deadLetters
    this.#lost = undefined
    this.#checkedAt = context.clock.monotonic()
    this.#stopListening = parts.log.onAppended(
      () => void this.#checkOwnership(parts).catch(() => {}),
    )
  }

  async producer(): Promise<Producer> {
    const { log } = this.#opened()
    const { namespace } = this.#context as QueueContext
    return new FileProducer({ log, namespace, largestRecordBytes, refusal: () => this.#lost })
  }

  async consumer(target: string): Promise<Consumer> {
    const parts = this.#opened()
    const { log, cursors } = parts
    const { namespace, clock } = this.#context as QueueContext
    const cursor = cursors.get(target)
    if (!cursor) {
      throw new WalError(
        'ERR_UNKNOWN_TARGET',
        `Namespace "${namespace}" has no target "${target}".`,
      )
    }
    if (this.#consuming.has(target)) {
      throw new WalError(
        'ERR_CONFIG',
        `Target "${target}" of namespace "${namespace}" has a consumer already; close it first.`,
      )
    }
    this.#consuming.add(target)
    const onClosing = (closed: Promise<void>): void => {
      this.#feeds.delete(target)
      this.#closings.set(target, closed)
    }
    const onClosed = (): void => {
      this.#closings.delete(target)
      this.#consuming.delete(target)
    }
    try {
      const feed = await this.#feed(parts, cursor)
      const checkOwnership = () => this.#checkOwnership(parts)
      return new FileConsumer({ log, cursor, clock, feed, checkOwnership, onClosing, onClosed })
    } catch (error) {
      onClosed()
      throw error
    }
  }

  async recall(id: string): Promise<Recall> {
    const parts = this.#opened()
    await this.#checkOwnership(parts)
    const targets: { target: string; cursor: Cursor; feed: FileFeed }[] = []
    for (const [target, cursor] of parts.cursors) {
      targets.push({ target, cursor, feed: await this.#feed(parts, cursor) })
    }
    return recallRecord(id, targets)
  }

  async pastReader(range: PastRange): Promise<PastReader> {
    const parts = this.#opened()
    await this.#checkOwnership(parts)
    return FilePastReader.open(parts.log, range)
  }

  /** The feed of a target: there is one at a time, whether or not there is a consumer. */
  #feed(parts: OpenParts, cursor: Cursor): Promise<FileFeed> {
    const { target } = cursor
    const feed = this.#feeds.get(target) ?? this.#openFeed(parts, cursor)
    this.#feeds.set(target, feed)
    feed.catch(() => this.#feeds.delete(target))
    return feed
  }

  async #openFeed({ log, directory }: OpenParts, cursor: Cursor): Promise<FileFeed> {
    await this.#closings.get(cursor.target)
    const { clock, random, reportError, passedOver } = this.#context as QueueContext
    const { fileSystem, scheduleRecords } = this.#options
    const schedule = {
      directory: `${directory}/schedules`,
      name: fileNameOf(cursor.target),
      fileSystem: fileSystem ?? nodeFileSystem,
      random,
      runRecords: scheduleRecords ?? defaultScheduleRecords,
      reportError,
    }
    const feed = await FileFeed.open({ log, cursor, clock, schedule })
    if (passedOver) feed.onPassedOver = passedOver
    return feed
  }

  async deadLetters(): Promise<DeadLetterQueue> {
    const { openDeadLetters } = this.#opened()
    if (!this.#deadLetters || this.#deadLetters.closed) this.#deadLetters = await openDeadLetters()
    return this.#deadLetters
  }

  transactions(): Promise<TransactionStore> {
    this.#transactions ??= this.#opened().openTransactions()
    this.#transactions.catch(() => {
      this.#transactions = undefined
    })
    return this.#transactions
  }

  highestVersion(): bigint | undefined {
    const inLog = this.#parts?.log.highestVersion ?? 0n
    const inLetters = this.#deadLetters?.highestVersion ?? 0n
    const highest = inLog > inLetters ? inLog : inLetters
    return highest === 0n ? undefined : highest
  }

  async versionsAbove(version: bigint, show: (key: string, version: bigint) => void) {
    const inLetters = this.#deadLetters?.highestVersion ?? 0n
    return versionsAbove(this.#opened().log, inLetters, version, show)
  }

  kept(): KeptRecords | undefined {
    return this.#parts?.log.kept()
  }

  /** In the reverse order of opening; the lock last. Goes through all of it even if a part fails. */
  async close(): Promise<void> {
    const parts = this.#parts
    if (!parts) return
    this.#look(parts)
    this.#parts = undefined
    const transactions = await this.#transactions?.catch(() => undefined)
    this.#transactions = undefined
    this.#stopListening()
    const { ownership, cursors, log } = parts
    const feeds = [...this.#feeds.values()]
    this.#feeds.clear()
    const isOwned = this.#lost === undefined
    const closings = [
      ...[...this.#closings.values()].map((closing) => () => closing),
      ...feeds.map((feed) => async () => (await feed).close({ isOwned })),
      () => this.#deadLetters?.close(),
      () => transactions?.close(),
      // Closing the log writes to it, which is the new owner's right alone.
      () => (this.#lost ? this.#stopped : log.close()),
      ...[...cursors.values()].map((cursor) => () => cursor.close()),
      () => ownership.release(),
    ]
    const failures: unknown[] = []
    for (const close of closings) {
      try {
        await close()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0 && !this.#lost) throw failures[0]
  }

  #place({ directory, namespace }: QueueContext): FileQueuePlace {
    const own = this.#options.directory
    if (own === undefined && directory === undefined) {
      throw new WalError(
        'ERR_CONFIG',
        `The file queue of namespace "${namespace}" has no directory: give createWal a ` +
          '`directory`, or this queue one of its own.',
      )
    }
    const { fileSystem, lock, segmentBytes, maxGroupBytes, recentBytes } = this.#options
    return {
      directory: own === undefined ? resolve(directory ?? '', fileNameOf(namespace)) : resolve(own),
      fileSystem: fileSystem ?? nodeFileSystem,
      lock: lock ?? ownerLock({ allowNetworkFileSystem: this.#options.allowNetworkFileSystem }),
      segmentBytes,
      maxGroupBytes,
      recentBytes,
    }
  }

  #opened(): OpenParts {
    if (!this.#parts) throw closedError()
    return this.#parts
  }

  /**
   * The lock is the kernel's and cannot slip away; but somebody may delete its file while tidying
   * up, and then another process can take the directory. The log looks for that at each group it
   * writes, and this at each pull; what only owner.json tells is seen within about a second of use.
   */
  async #checkOwnership(parts: OpenParts): Promise<void> {
    // Whoever still has a consumer of then: what it was given is another's by now.
    if (this.#parts !== parts) throw closedError()
    this.#look(parts)
    if (this.#lost) throw this.#lost
    const { clock } = this.#context as QueueContext
    const now = clock.monotonic()
    if (now - this.#checkedAt < checkAfterMs) return
    this.#checkedAt = now
    try {
      await parts.ownership.verify()
    } catch (error) {
      if (isWalError(error) && error.code === 'ERR_OWNERSHIP_LOST') this.#stop(error)
      // That it could not be told is no reason to stop.
    }
    if (this.#lost) throw this.#lost
  }

  #look({ ownership }: OpenParts): void {
    const error = ownership.loss()
    if (error) this.#stop(error)
  }

  /** From here on nothing more is begun; `#stopped` resolves once all that was under way is done. */
  #stop(error: WalError): void {
    const parts = this.#parts
    if (this.#lost || !parts) return
    this.#lost = error
    const stopping = [
      parts.log.abandon(error),
      this.#deadLetters?.abandon(),
      this.#transactions?.then((store) => store.abandon()),
      ...[...parts.cursors.values()].map((cursor) => cursor.abandon()),
    ]
    this.#stopped = Promise.allSettled(stopping)
    this.#context?.reportError(error)
  }
}

function closedError(): WalError {
  return new WalError('ERR_CLOSED', 'The file queue is closed.')
}

import type { WalError } from '../../errors.ts'
import type { SendOutcome } from '../../producer/producer.ts'
import type { StoredRecord } from '../../record.ts'
import type { KeptRecords, RetentionHold } from '../queue.ts'
import type { FileSystem } from './file-system.ts'
import type { GroupFormat } from './group.ts'
import { GroupCommit } from './group-commit.ts'
import type { LogEntry, LogPlace, LogReader } from './log-entry.ts'
import { LogLookup } from './log-lookup.ts'
import type { LogOptions } from './log-options.ts'
import { type LogReaderOptions, SegmentedLogReader } from './log-reader.ts'
import { type LogSegment, LogSegments } from './log-segments.ts'
import { LogTail } from './log-tail.ts'
import { defaultRecentBytes, RecentGroups } from './recent-groups.ts'
import { recoverLog } from './recovery.ts'
import { Retention } from './retention.ts'
import { longestNamespaceBytes } from './segment-header.ts'
import { SegmentRemoval } from './segment-removal.ts'

export type { LogEntry, LogPlace, LogReader } from './log-entry.ts'
export type { LogOptions } from './log-options.ts'

/** An append-only log of records in segment files, durable when it says so. */
export interface Log {
  /**
   * Encodes the records at once, and resolves with one outcome each when they are synced or will
   * not be: all `'yes'`, all `'no'`, or all `'unknown'`. Never rejects for a failure of the disk.
   * After `close` the answer is `'no'` with `ERR_CLOSED`, after `abandon` with its error.
   */
  append(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]>
  /** Lowest sequence that can be read; 1 in a new log. It rises as the log is let go. */
  readonly firstSequence: number
  /** Highest durable sequence; 0 in an empty log. */
  readonly lastSequence: number
  /** Highest version of a durable record; 0n in an empty log. */
  readonly highestVersion: bigint
  /** Bytes of records not answered yet, those on their way to the disk included. */
  readonly bufferedBytes: number
  /**
   * A reader that starts at a sequence, or at the first one if that is higher. It has to find that in its
   * segment: from `near` on, a record that was read before, or from the beginning.
   */
  reader(from: number, near?: LogPlace): LogReader
  /**
   * The same for one who keeps reading as the log grows: as long as it is near the end it is given the newest
   * records from memory.
   */
  follow(from: number, near?: LogPlace): LogReader
  /**
   * Keeps every record from this sequence on that can be read now, whatever the retention says,
   * until the function it answers is called.
   */
  hold(from: number): () => void
  /** The segment that holds the record, or would if it came next. Undefined if it is none any more. */
  segmentHolding(sequence: number): LogSegment | undefined
  /** The first segment with a record that may have been written at or after this, in ms since the Unix epoch. */
  segmentSince(instant: number): LogSegment | undefined
  /**
   * The sequence before which no record has a version above this one, as far as they are kept; and the highest version
   * of all before it.
   */
  startOfVersionsAbove(version: bigint): VersionsBefore
  /** Begins to let go of what the retention does not keep. Until then nothing is removed. */
  startRetention(): void
  /** What is kept, and why. */
  kept(): KeptRecords
  /** Reads one entry by the address a reader gave. Rejects like `LogReader.read`. */
  readAt(address: number): Promise<LogEntry>
  /** Calls back after more became durable, once per group. Returns an unsubscribe function. */
  onAppended(listener: () => void): () => void
  /** Waits for what is on its way, and marks the log as cleanly closed. Readers are closed by their users. */
  close(): Promise<void>
  /**
   * For an owner that has lost the directory: gives up the files and writes nothing more, not even
   * that it was closed. What is not on its way to the disk yet is answered `'no'` with this error,
   * what is `'unknown'`.
   */
  abandon(error: WalError): Promise<void>
}

/** See `Log.startOfVersionsAbove`. */
export interface VersionsBefore {
  readonly sequence: number
  readonly highestBefore: bigint
}

/** Of `segmentBytes`. */
export const defaultSegmentBytes = 64 * 1024 * 1024
const largestSegmentBytes = 1024 * 1024 * 1024
const defaultGroupBytes = 8 * 1024 * 1024
const defaultZeroAheadBytes = 1024 * 1024

/**
 * Recovers the log and opens it. An empty directory is an empty log, and stays so until the first
 * append. Rejects with `ERR_CORRUPT_LOG`, `ERR_FUTURE_FORMAT`, `ERR_NOT_A_LOG`, or the disk's error.
 */
export async function openLog(options: LogOptions): Promise<Log> {
  const recovered = await recoverLog(options)
  const segments = new LogSegments(recovered.segments)
  const reportError = (error: WalError) => options.reportError(error)
  const format = formatOf(options, segments)
  const listeners = new Set<() => void>()
  const { fileSystem, directory, clock } = options
  const segmentBytes = Math.min(options.segmentBytes ?? defaultSegmentBytes, largestSegmentBytes)
  const readers = new Set<SegmentedLogReader>()
  const lookup = new LogLookup(fileSystem, segments)
  const recent = new RecentGroups(options.recentBytes ?? defaultRecentBytes)
  const tail: LogTail = new LogTail({
    directory,
    fileSystem,
    clock,
    epoch: options.epoch,
    format,
    segmentBytes,
    zeroAheadBytes: options.zeroAheadBytes ?? defaultZeroAheadBytes,
    recovered,
    segments,
    recent,
    firstKept: (number) => retention.firstKept(number),
    takeSpare: (header) => removal.takeSpare(header),
    onSegmentMade: () => retention.segmentMade(),
    onSegmentBegun: () => retention.segmentBegun(),
    reportError,
  })
  const ownershipLoss = () => options.ownershipLoss?.()
  const removal = new SegmentRemoval({
    fileSystem,
    segmentBytes,
    letGo: (gone) => letGo(gone, [...readers, lookup, recent]),
    reportError,
  })
  const retention = new Retention({
    ...retentionOf(options),
    segments,
    removal,
    clock,
    roll: () => tail.roll(),
    ownershipLoss,
    reportError,
  })
  const commit = new GroupCommit({
    tail,
    format,
    maxGroupBytes: options.maxGroupBytes ?? defaultGroupBytes,
    ownershipLoss,
    onDurable: () => {
      for (const listener of listeners) queueMicrotask(listener)
    },
  })
  return new SegmentedLog({
    fileSystem,
    segments,
    tail,
    commit,
    retention,
    readers,
    lookup,
    recent,
    listeners,
    ownershipLoss,
  })
}

function retentionOf({ retention }: LogOptions) {
  return {
    limits: retention ?? { timeMs: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
    targets: retention?.targets ?? [],
    onHeld: (hold: RetentionHold) => retention?.onHeld(hold),
  }
}

/** Whoever has the files of these segments open gives them up. */
async function letGo(
  segments: readonly LogSegment[],
  users: readonly Pick<LogLookup, 'letGo'>[],
): Promise<void> {
  await Promise.allSettled(users.map((user) => user.letGo(segments)))
}

/** One salt per log: that of its segments, or a new one. */
function formatOf({ namespace = '', random }: LogOptions, segments: LogSegments): GroupFormat {
  const fits = Buffer.byteLength(namespace) <= longestNamespaceBytes
  let salt = segments.last?.header.salt ?? 0
  while (salt === 0) salt = Buffer.from(random.fill(new Uint8Array(4))).readUInt32LE(0)
  return { salt, namespace: fits ? namespace : '' }
}

interface LogParts {
  readonly fileSystem: FileSystem
  readonly segments: LogSegments
  readonly tail: LogTail
  readonly commit: GroupCommit
  readonly retention: Retention
  readonly readers: Set<SegmentedLogReader>
  readonly lookup: LogLookup
  readonly recent: RecentGroups
  readonly listeners: Set<() => void>
  ownershipLoss(): WalError | undefined
}

class SegmentedLog implements Log {
  readonly #parts: LogParts
  readonly #commit: GroupCommit

  constructor(parts: LogParts) {
    this.#parts = parts
    this.#commit = parts.commit
  }

  get firstSequence(): number {
    return this.#parts.segments.first?.header.baseSequence ?? 1
  }

  get lastSequence(): number {
    return this.#parts.tail.lastSequence
  }

  get highestVersion(): bigint {
    return this.#parts.tail.highestVersion
  }

  get bufferedBytes(): number {
    return this.#commit.bufferedBytes
  }

  append(records: readonly StoredRecord[]): Promise<readonly SendOutcome[]> {
    return this.#commit.append(records)
  }

  reader(from: number, near?: LogPlace): LogReader {
    return this.#reader(from, { near })
  }

  follow(from: number, near?: LogPlace): LogReader {
    return this.#reader(from, { near, recent: this.#parts.recent })
  }

  hold(from: number): () => void {
    return this.#parts.retention.hold(from)
  }

  segmentHolding(sequence: number): LogSegment | undefined {
    return this.#parts.segments.holding(sequence)
  }

  segmentSince(instant: number): LogSegment | undefined {
    return this.#parts.segments.all.find(({ latestAt }) => latestAt >= instant)
  }

  startOfVersionsAbove(version: bigint): VersionsBefore {
    const { segments } = this.#parts
    const start = segments.all.findLast(({ header }) => header.highestVersion <= version)
    const header = (start ?? segments.first)?.header
    return {
      sequence: header?.baseSequence ?? 1,
      highestBefore: header?.highestVersion ?? 0n,
    }
  }

  startRetention(): void {
    this.#parts.retention.start()
  }

  kept(): KeptRecords {
    return this.#parts.retention.kept()
  }

  readAt(address: number): Promise<LogEntry> {
    return this.#parts.lookup.readAt(address)
  }

  onAppended(listener: () => void): () => void {
    const { listeners } = this.#parts
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  async close(): Promise<void> {
    await this.#commit.close()
    const loss = this.#parts.ownershipLoss()
    if (loss) return this.abandon(loss)
    await this.#parts.retention.close()
    await this.#closeRest()
  }

  async abandon(error: WalError): Promise<void> {
    const { tail, retention } = this.#parts
    tail.abandon(error)
    await this.#commit.abandon(error)
    await retention.abandon()
    await this.#closeRest()
  }

  async #closeRest(): Promise<void> {
    const { tail, lookup, recent } = this.#parts
    recent.close()
    await tail.close()
    await lookup.close()
  }

  #reader(from: number, options: Pick<LogReaderOptions, 'near' | 'recent'>): LogReader {
    const { fileSystem, segments, readers } = this.#parts
    const reader = new SegmentedLogReader({
      ...options,
      fileSystem,
      segments,
      from: Math.max(from, this.firstSequence),
      onClosed: (closed) => readers.delete(closed),
    })
    readers.add(reader)
    return reader
  }
}

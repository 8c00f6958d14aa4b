import { type FileDeadLetterQueue, openFileDeadLetterQueue } from '../../dlq/file-dlq.ts'
import { WalError } from '../../errors.ts'
import {
  type FileTransactionStore,
  openFileTransactionStore,
} from '../../transaction/file-transactions.ts'
import type { QueueContext, RetentionHold } from '../queue.ts'
import { Cursor } from './cursor.ts'
import { highestOfCursor } from './cursor-highest.ts'
import { diskError, errnoOf, unsuitableError } from './file-queue-error.ts'
import { fileNameOf } from './file-queue-names.ts'
import type { FileSystem } from './file-system.ts'
import { refuseUnfinished } from './inspect/unfinished-copy.ts'
import { defaultSegmentBytes, type Log, type LogOptions, openLog } from './log.ts'
import { whatToDo } from './log-errors.ts'
import { type Ownership, takeOwnership } from './owner.ts'
import type { AcquireLock } from './owner-lock.ts'

export interface FileQueuePlace {
  /** The queue's own directory. */
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly lock: AcquireLock
  readonly segmentBytes: number | undefined
  readonly maxGroupBytes: number | undefined
  readonly recentBytes: number | undefined
}

/** What a file queue holds while it is open. */
export interface OpenParts {
  /** The queue's own directory. */
  readonly directory: string
  readonly ownership: Ownership
  /** One per target. */
  readonly cursors: ReadonlyMap<string, Cursor>
  readonly log: Log
  readonly deadLetters: FileDeadLetterQueue
  openDeadLetters(): Promise<FileDeadLetterQueue>
  /** Their directory is made when it is first asked for. */
  openTransactions(): Promise<FileTransactionStore>
}

const cursorExtension = '.cursor'

/**
 * Opens the directory: the lock first, so that nobody else changes anything; the cursors before
 * the log, for what they have seen applied must be in it; consumers come later. What was opened
 * when something fails is closed again, the last first. `onLost` is called, once or more, when the
 * log finds that the directory is no longer ours.
 *
 *   <directory>/  owner.json  owner-….sock  segments/  cursors/<target>.cursor  schedules/
 *                 dead-letters/  transactions/
 */
export async function openParts(
  place: FileQueuePlace,
  context: QueueContext,
  onLost: (error: WalError) => void,
): Promise<OpenParts> {
  const { directory, fileSystem } = place
  const undo: (() => Promise<void>)[] = []
  try {
    await makeDirectory(fileSystem, directory)
    const ownership = await takeOwnership({ ...context, ...place, directory })
    undo.push(() => ownership.release())
    await refuseUnfinished(fileSystem, directory)
    for (const name of ['segments', 'cursors', 'dead-letters']) {
      await makeDirectory(fileSystem, `${directory}/${name}`)
    }
    await fileSystem.syncDirectory(directory)
    const cursors = new Map<string, Cursor>()
    for (const target of context.targets) {
      const cursor = await openCursor(place, context, target)
      cursors.set(target, cursor)
      undo.push(() => cursor.close())
    }
    const ownershipLoss = () => {
      const error = ownership.loss()
      if (error) onLost(error)
      return error
    }
    const { epoch } = ownership
    const log = await openCheckedLog(place, context, { epoch, ownershipLoss }, cursors)
    undo.push(() => log.close())
    const openDeadLetters = () =>
      openFileDeadLetterQueue({ ...context, fileSystem, directory: `${directory}/dead-letters` })
    const deadLetters = await openDeadLetters()
    const openTransactions = () => openTransactionsIn(place, context)
    return { directory, ownership, cursors, log, deadLetters, openDeadLetters, openTransactions }
  } catch (error) {
    for (const close of undo.reverse()) await close().catch(() => {})
    throw diskError('open the file queue in', directory, error)
  }
}

async function openTransactionsIn(
  { directory, fileSystem }: FileQueuePlace,
  context: QueueContext,
): Promise<FileTransactionStore> {
  const own = `${directory}/transactions`
  await makeDirectory(fileSystem, own)
  await fileSystem.syncDirectory(directory)
  return openFileTransactionStore({ ...context, fileSystem, directory: own })
}

async function makeDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  await fileSystem.makeDirectory(path).catch((error: unknown) => {
    const doing = 'make the directory'
    // What is missing above it was to be made too: a place such as /proc, where nothing can be.
    throw errnoOf(error) === 'ENOENT'
      ? unsuitableError(doing, path, error)
      : diskError(doing, path, error)
  })
}

function openCursor(
  { directory, fileSystem }: FileQueuePlace,
  context: QueueContext,
  target: string,
): Promise<Cursor> {
  return Cursor.open({
    directory: `${directory}/cursors`,
    name: fileNameOf(target) + cursorExtension,
    target,
    fileSystem,
    clock: context.clock,
    random: context.random,
    reportError: (error) => context.reportError(error),
  })
}

async function openCheckedLog(
  place: FileQueuePlace,
  context: QueueContext,
  owner: Pick<LogOptions, 'epoch' | 'ownershipLoss'>,
  cursors: ReadonlyMap<string, Cursor>,
): Promise<Log> {
  const { directory, fileSystem, segmentBytes, maxGroupBytes, recentBytes } = place
  const highest = Math.max(
    0,
    ...[...cursors.values()].map((cursor) => cursor.highest),
    ...(await highestOfOthers(place, context.targets)),
  )
  const log = await openLog({
    directory: `${directory}/segments`,
    namespace: context.namespace,
    fileSystem,
    random: context.random,
    clock: context.clock,
    ...owner,
    segmentBytes: segmentBytes ?? segmentBytesFor(context),
    maxGroupBytes,
    recentBytes,
    knownSynced: highest,
    ...(context.retention && {
      retention: {
        ...context.retention,
        targets: [...cursors.values()],
        onHeld: (hold: RetentionHold) => context.retentionHeld?.(hold),
      },
    }),
    reportError: (error) => context.reportError(error),
  })
  try {
    for (const cursor of cursors.values()) checkCursor(cursor, log, context)
    log.startRetention()
    return log
  } catch (error) {
    await log.close().catch(() => {})
    throw error
  }
}

/** A log is let go one segment after the other, so what is kept should be several of them. */
const leastSegmentsKept = 8
const leastSegmentBytes = 1024 * 1024

function segmentBytesFor({ retention }: QueueContext): number {
  const share = (retention?.bytes ?? Number.POSITIVE_INFINITY) / leastSegmentsKept
  return Math.min(defaultSegmentBytes, Math.max(leastSegmentBytes, Math.floor(share)))
}

/** Cursors of targets that are no longer configured still prove what was synced. */
async function highestOfOthers(
  { directory, fileSystem }: FileQueuePlace,
  targets: readonly string[],
): Promise<readonly number[]> {
  const known = new Set(targets.map((target) => fileNameOf(target) + cursorExtension))
  const names = await fileSystem.list(`${directory}/cursors`)
  const others = names.filter((name) => name.endsWith(cursorExtension) && !known.has(name))
  const highest: number[] = []
  for (const name of others) {
    // What cannot be read proves nothing, and nobody needs it now.
    const found = highestOfCursor(fileSystem, `${directory}/cursors/${name}`).catch(() => 0)
    highest.push(await found)
  }
  return highest
}

/** A cursor must lie within its log: else new records would be taken for done with. */
function checkCursor(cursor: Cursor, log: Log, { namespace, reportError }: QueueContext): void {
  const { target, highest, through } = cursor
  if (highest > log.lastSequence) {
    throw new WalError(
      'ERR_CORRUPT_LOG',
      `The log of namespace "${namespace}" ends at record ${log.lastSequence}, but its target ` +
        `"${target}" has been given record ${highest}: the log is older than the target's progress, ` +
        `or parts of it are lost. Nothing was changed on disk. ${whatToDo}`,
    )
  }
  const first = log.firstSequence
  if (through > 0 && through + 1 < first) {
    reportError(
      new WalError(
        'ERR_NOT_KEPT',
        `The log of namespace "${namespace}" begins at record ${first}, but its target "${target}" ` +
          `is done only with those through ${through}: what lies between was not delivered to it, ` +
          'and is no longer kept. It goes on from there. Bring its store up to date from elsewhere.',
      ),
    )
  }
  cursor.skipTo(first - 1)
}

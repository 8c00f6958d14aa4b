import { isAbsolute, relative, resolve, sep } from 'node:path'
import { type Clock, systemClock } from '../../../clock.ts'
import { checkOptionNames, checkPath } from '../../../config/option-names.ts'
import { type Size, sizeBytes } from '../../../config/quantity.ts'
import { isWalError, WalError } from '../../../errors.ts'
import { type Random, systemRandom } from '../../../random.ts'
import { CursorState } from '../cursor-state.ts'
import { diskError } from '../file-queue-error.ts'
import type { FileSystem } from '../file-system.ts'
import { nodeFileSystem } from '../node-file-system.ts'
import { type AcquireLock, ownerLock } from '../owner-lock.ts'
import { type DirectorySurvey, surveyDirectory } from './directory-survey.ts'
import { readLetters } from './letters-survey.ts'
import type { IsOwned } from './live-owner.ts'
import { LogCopy } from './log-copy.ts'
import { QueueCopy } from './queue-copy.ts'
import type { CopiedParts, SalvageReport } from './salvage-report.ts'
import { SequenceMap } from './sequence-map.ts'
import { readTransactions } from './transactions-survey.ts'
import { verifyReportOf } from './verify-report.ts'
import type { ReadWatch } from './watched-files.ts'

/** Options of {@link salvageFileQueue}. */
export interface SalvageFileQueueOptions extends ReadWatch {
  /** The directory of the damaged queue: `<directory of the wal>/<namespace>`. Only read. */
  readonly from: string
  /** The directory of the copy. It must not exist yet, be empty, or hold an unfinished salvage. */
  readonly into: string
  /** Of the records, where no header can be read that gives it. */
  readonly namespace?: string | undefined
  /** Of the copy's segments; see `fileQueue`. Default `'64mb'`. */
  readonly segmentBytes?: Size | undefined
  /** For tests: where the files are. */
  readonly fileSystem?: FileSystem | undefined
  /** For tests: what tells whether a living process owns the directory. */
  readonly isOwned?: IsOwned | undefined
  /** For tests: what keeps others out of the copy. */
  readonly lock?: AcquireLock | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
  /** For tests. */
  readonly random?: Random | undefined
}

/**
 * Copies all that can be read of a queue into a new directory, which can then be opened in its place,
 * and reports exactly what could not be read. Changes nothing in `from`.
 *
 * Records keep their order and all of their fields. What a target was done with it is done with in
 * the copy, and nothing else. Dead letters come along; one whose removal cannot be read is back. So do
 * transactions; one that is not whole any more becomes a dead letter when it is delivered. A
 * target whose cursor cannot be read is given every record again. Behind damage the search goes on
 * for the next whole frame.
 *
 * Cut short, also by a crash, it leaves a directory that cannot be opened (`ERR_SALVAGE_UNFINISHED`);
 * the same call starts over there.
 *
 * Rejects with `ERR_DIRECTORY_IN_USE`, `ERR_DIRECTORY_UNSUITABLE` (`into` is not empty),
 * `ERR_NOT_A_LOG`, `ERR_FUTURE_FORMAT`, `ERR_CONFIG`, `ERR_INVALID_SIZE`, `ERR_ABORTED`, or the
 * disk's error.
 */
export async function salvageFileQueue(options: SalvageFileQueueOptions): Promise<SalvageReport> {
  checkOptionNames('salvageFileQueue', options, names)
  checkPath('salvageFileQueue.from', options.from)
  checkPath('salvageFileQueue.into', options.into)
  checkApart(options)
  const salvage = new Salvage(options)
  try {
    return await salvage.run()
  } catch (cause) {
    await salvage.leave()
    throw isWalError(cause) ? cause : diskError('write', options.into, cause)
  }
}

const names: readonly (keyof SalvageFileQueueOptions)[] = [
  ...(['from', 'into', 'namespace', 'segmentBytes', 'signal', 'onProgress'] as const),
  ...(['fileSystem', 'isOwned', 'lock', 'clock', 'random'] as const),
]

class Salvage {
  readonly #options: SalvageFileQueueOptions
  readonly #sequences = new SequenceMap()
  #copy: QueueCopy | undefined
  #log: LogCopy | undefined

  constructor(options: SalvageFileQueueOptions) {
    this.#options = options
  }

  async run(): Promise<SalvageReport> {
    const { from, into } = this.#options
    const survey = await surveyDirectory({ ...this.#options, directory: from }, (namespace) =>
      this.#begin(namespace ?? this.#options.namespace ?? ''),
    )
    await this.#log?.finish()
    const copied = await this.#copyTheRest(survey)
    await survey.confirm()
    await this.#copy?.finish()
    const found = verifyReportOf(survey)
    const lost = found.problems.filter(({ records }) => records !== undefined)
    return { complete: found.ok, from, into, lost, found, copied }
  }

  async leave(): Promise<void> {
    await this.#copy?.leave()
  }

  /** Only once it is certain that there is something to copy is the copy begun. */
  async #begin(namespace: string): Promise<LogCopy> {
    const { into, segmentBytes, ...ports } = this.#options
    this.#copy = await QueueCopy.begin({
      directory: into,
      fileSystem: ports.fileSystem ?? nodeFileSystem,
      lock: ports.lock ?? ownerLock(),
      clock: ports.clock ?? systemClock,
      random: ports.random ?? systemRandom,
      segmentBytes: segmentBytes === undefined ? undefined : sizeBytes(segmentBytes),
    })
    this.#log = new LogCopy(await this.#copy.openLog(namespace), namespace, this.#sequences)
    return this.#log
  }

  async #copyTheRest({
    cursors,
    letters,
    transactions,
    files,
  }: DirectorySurvey): Promise<CopiedParts> {
    const copy = this.#copy
    const copiedCursors: string[] = []
    const lostCursors: string[] = []
    for (const { file, state, isReadable } of cursors) {
      if (isReadable) {
        const translated = new CursorState()
        this.#sequences.translate(state, translated)
        await copy?.addCursor(file, translated)
      }
      const cursorsOfItsKind = isReadable ? copiedCursors : lostCursors
      cursorsOfItsKind.push(file)
    }
    const deadLetters = letters ? await copy?.addLetters(readLetters(files, letters)) : 0
    if (transactions) {
      const hasLetter = (id: string, target: string) => letters?.has(id, target) ?? true
      const entries = readTransactions(files, transactions, hasLetter)
      await copy?.addTransactions(transactions.file, entries)
    }
    return {
      records: this.#sequences.count,
      sequences: this.#sequences.runs,
      cursors: copiedCursors,
      lostCursors,
      deadLetters: deadLetters ?? 0,
    }
  }
}

/** A copy inside of the original, or around it, would change what is to be left as it is. */
function checkApart({ from, into }: SalvageFileQueueOptions): void {
  const isInside = (path: string, of: string): boolean => {
    const way = relative(resolve(of), resolve(path))
    return !isAbsolute(way) && way.split(sep)[0] !== '..'
  }
  if (!isInside(into, from) && !isInside(from, into)) return
  throw new WalError(
    'ERR_CONFIG',
    `\`into\` (${into}) is \`from\` (${from}), or one lies in the other. Choose a directory beside it.`,
  )
}

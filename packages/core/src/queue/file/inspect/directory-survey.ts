import { isWalError, WalError } from '../../../errors.ts'
import { diskError } from '../file-queue-error.ts'
import type { FileSystem } from '../file-system.ts'
import { nodeFileSystem } from '../node-file-system.ts'
import { type SurveyedCursor, surveyCursors } from './cursor-survey.ts'
import { Findings } from './finding.ts'
import { type SurveyedLetters, surveyLetters } from './letters-survey.ts'
import { Bystander, type IsOwned, isOwnedNow, type LastOwner } from './live-owner.ts'
import { type LogSurvey, type LogSurveyOptions, surveyLog } from './log-survey.ts'
import { type ScheduleReport, surveySchedules } from './schedule-survey.ts'
import { type SurveyedTransactions, surveyTransactions } from './transactions-survey.ts'
import { type ReadWatch, WatchedFiles } from './watched-files.ts'

/** How a queue's directory is read as a whole. */
export interface SurveyOptions extends ReadWatch {
  /** The queue's own directory: `<directory of the wal>/<namespace>`, or that of `fileQueue`. */
  readonly directory: string
  /** For tests: where the files are. */
  readonly fileSystem?: FileSystem | undefined
  /** For tests: what tells whether a living process owns the directory. */
  readonly isOwned?: IsOwned | undefined
}

/** All that could be read of a queue's directory. */
export interface DirectorySurvey {
  readonly owner: LastOwner | undefined
  readonly cursors: readonly SurveyedCursor[]
  readonly log: LogSurvey
  /** By the path of the cursor that names it. */
  readonly schedules: ReadonlyMap<string, ScheduleReport>
  readonly letters: SurveyedLetters | undefined
  readonly transactions: SurveyedTransactions | undefined
  readonly findings: Findings
  readonly files: WatchedFiles
  /** Rejects if somebody has opened the directory since. */
  confirm(): Promise<void>
}

/**
 * Reads a queue's directory, all of it, and changes nothing there. The log's records are shown to
 * the visitor. What is damaged is a finding.
 *
 * Rejects with `ERR_NOT_A_LOG` (no queue is there), `ERR_DIRECTORY_IN_USE`, `ERR_FUTURE_FORMAT`,
 * `ERR_ABORTED`, or the disk's error.
 */
export async function surveyDirectory(
  options: SurveyOptions,
  visitor: LogSurveyOptions['visitor'],
): Promise<DirectorySurvey> {
  const { directory, fileSystem = nodeFileSystem, isOwned = isOwnedNow } = options
  const files = new WatchedFiles(fileSystem, directory, options)
  const findings = new Findings()
  try {
    await checkLayout(files, findings)
    const bystander = new Bystander(files, isOwned)
    const owner = await bystander.begin()
    if (owner === 'damaged') {
      const what = 'who owned the directory last cannot be read; it cannot be opened without'
      findings.problem({ file: 'owner.json', what })
    }
    await expectJournals(files)
    // Before the log: what a cursor has seen must be in it.
    const cursors = await surveyCursors(files, findings)
    const knownSynced = Math.max(0, ...cursors.map(({ state }) => state.done.highest))
    const log = await surveyLog({ files, findings, knownSynced, visitor })
    const schedules = await surveySchedules(files, findings, cursors)
    const letters = await surveyLetters(files, findings)
    const transactions = await surveyTransactions(files, findings)
    return {
      owner: owner === 'damaged' ? undefined : owner,
      cursors,
      log,
      schedules,
      letters,
      transactions,
      findings,
      files,
      confirm: () => bystander.end(),
    }
  } catch (cause) {
    throw isWalError(cause) ? cause : diskError('read', directory, cause)
  }
}

async function expectJournals(files: WatchedFiles): Promise<void> {
  for (const folder of ['cursors', 'schedules', 'dead-letters', 'transactions']) {
    for (const name of await files.list(folder)) await files.expect(`${folder}/${name}`)
  }
}

const ours = ['segments', 'cursors', 'schedules', 'dead-letters', 'transactions', 'owner.json']

/** A directory above or below the one that is meant is a mistake that is made in a hurry. */
async function checkLayout(files: WatchedFiles, findings: Findings): Promise<void> {
  const { directory } = files
  const names = await files.list()
  const hasSegments = (await files.list('segments')).length > 0
  if (!hasSegments && !names.some((name) => ours.includes(name))) {
    const inside: string[] = []
    for (const name of names) {
      const below = await files.list(name).catch((): readonly string[] => [])
      if (below.includes('segments')) inside.push(name)
    }
    const hint =
      inside.length > 0 ? `One of those in it is meant: ${inside.join(', ')}.` : 'Check the path.'
    throw new WalError(
      'ERR_NOT_A_LOG',
      `${directory} is not the directory of a file queue. ${hint}`,
    )
  }
  for (const name of names) {
    if (ours.includes(name) || /^owner-.*\.sock$/.test(name)) continue
    findings.note({ file: name, what: 'a file that is not needed' })
  }
}

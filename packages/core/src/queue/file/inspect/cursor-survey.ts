import { readChanges } from '../cursor-changes.ts'
import { CursorState } from '../cursor-state.ts'
import type { Findings } from './finding.ts'
import { surveyJournal } from './journal-survey.ts'
import type { WatchedFiles } from './watched-files.ts'

/** A target's cursor as far as it can be read. */
export interface SurveyedCursor {
  /** Path in the directory. */
  readonly file: string
  /** Undefined where the file's name does not give it: it was too long. */
  readonly target: string | undefined
  /** The target as it stands in names of files. */
  readonly name: string
  readonly bytes: number
  readonly entries: number
  /** False if nothing of it can be used. */
  readonly isReadable: boolean
  readonly state: CursorState
}

const folder = 'cursors'
const extension = '.cursor'

/** Reads the cursors of all targets there ever were. Rejects with `ERR_FUTURE_FORMAT`. */
export async function surveyCursors(
  files: WatchedFiles,
  findings: Findings,
): Promise<readonly SurveyedCursor[]> {
  const cursors: SurveyedCursor[] = []
  for (const name of await files.list(folder)) {
    const path = `${folder}/${name}`
    if (name.endsWith(extension)) cursors.push(await surveyCursor(path, files, findings))
    else if (name.endsWith(`${extension}.damaged`)) {
      findings.note({ file: path, what: 'a cursor that could not be read and was set aside' })
    } else findings.note({ file: path, what: 'a file that is not needed' })
  }
  return cursors
}

async function surveyCursor(
  path: string,
  files: WatchedFiles,
  findings: Findings,
): Promise<SurveyedCursor> {
  const state = new CursorState()
  const { bytes, entries, salt } = await files.use(path, (file) =>
    surveyJournal({
      file,
      path,
      kind: 'curs',
      findings,
      consequence: 'so that the target is given records again that it has had',
      visit: (body) => readChanges(body, state),
    }),
  )
  const name = path.slice(folder.length + 1, -extension.length)
  return {
    file: path,
    target: targetOf(name),
    name,
    bytes,
    entries,
    isReadable: salt !== undefined,
    state,
  }
}

/** What `fileNameOf` made the name from. */
function targetOf(name: string): string | undefined {
  try {
    return name.includes('~') ? undefined : decodeURIComponent(name)
  } catch {
    return undefined
  }
}

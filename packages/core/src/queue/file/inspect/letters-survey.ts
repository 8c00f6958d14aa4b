import type { StoredDeadLetter } from '../../../dlq/dlq.ts'
import { decodeLetter, readEntry } from '../../../dlq/file-dlq-format.ts'
import { LetterIndex } from '../../../dlq/file-dlq-index.ts'
import { entryHeaderBytes } from '../journal-format.ts'
import { JournalWindow } from '../journal-window.ts'
import type { Findings } from './finding.ts'
import { surveyJournal } from './journal-survey.ts'
import type { WatchedFiles } from './watched-files.ts'

/** The dead letters that wait, as far as they can be read. */
export interface SurveyedLetters {
  /** Path in the directory. */
  readonly file: string
  readonly bytes: number
  readonly entries: number
  readonly index: LetterIndex
  /** How many wait, by target. */
  readonly targets: Readonly<Record<string, number>>
  readonly salt: number | undefined
  /** True if one waits that is a record's, for this target. */
  has(recordId: string, target: string): boolean
}

const folder = 'dead-letters'
const journal = 'letters.journal'

/** Reads the dead letters. Undefined if there is no file of them. Rejects with `ERR_FUTURE_FORMAT`. */
export async function surveyLetters(
  files: WatchedFiles,
  findings: Findings,
): Promise<SurveyedLetters | undefined> {
  const path = `${folder}/${journal}`
  const names = await files.list(folder)
  for (const name of names) {
    if (name === journal) continue
    findings.note({ file: `${folder}/${name}`, what: 'a file that is not needed' })
  }
  if (!names.includes(journal)) return undefined
  const index = new LetterIndex()
  const { bytes, entries, salt } = await files.use(path, (file) =>
    surveyJournal({
      file,
      path,
      kind: 'dead',
      findings,
      consequence: 'so that letters are lost, or back though they had been removed',
      visit: (body, offset) => indexEntry(index, body, offset),
    }),
  )
  let waiting: ReadonlySet<string> | undefined
  const has = (recordId: string, target: string): boolean => {
    // Of all attempt epochs of a record.
    waiting ??= new Set(Array.from(index.behind(0), ({ id }) => id.replace(/\.\d+:/, ':')))
    return waiting.has(`${recordId}:${target}`)
  }
  return { file: path, bytes, entries, index, targets: countByTarget(index), salt, has }
}

function indexEntry(index: LetterIndex, body: Buffer, offset: number): void {
  const entry = readEntry(body)
  if (entry.kind === 'put') {
    decodeLetter(body)
    index.put(entry.summary, offset, body.byteLength)
  } else if (entry.kind === 'removed') {
    for (const number of entry.numbers) {
      const letter = index.byNumber(number)
      if (letter) index.remove(letter)
    }
  }
}

function countByTarget(index: LetterIndex): Readonly<Record<string, number>> {
  const counts = new Map<string, number>()
  for (const { target } of index.behind(0)) counts.set(target, (counts.get(target) ?? 0) + 1)
  return Object.fromEntries(counts)
}

/** Reads the letters themselves, in the order in which they were put. */
export async function* readLetters(
  files: WatchedFiles,
  { file: path, index, salt }: SurveyedLetters,
): AsyncGenerator<StoredDeadLetter> {
  if (salt === undefined) return
  const file = await files.open(path)
  try {
    const window = new JournalWindow(file, await file.size())
    for (const { offset } of index.behind(0)) {
      const entry = await window.entryAt(offset, salt)
      if (entry) yield decodeLetter(entry.subarray(entryHeaderBytes))
    }
  } finally {
    await file.close()
  }
}

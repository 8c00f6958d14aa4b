import { encodeHead, readTransactionEntry } from '../../../transaction/file-transactions-format.ts'
import { hasEnded, stateOf } from '../../../transaction/transaction-store.ts'
import { entryHeaderBytes } from '../journal-format.ts'
import { JournalWindow } from '../journal-window.ts'
import type { Findings } from './finding.ts'
import { surveyJournal } from './journal-survey.ts'
import type { WatchedFiles } from './watched-files.ts'

/** The transactions of a queue, as far as they can be read. */
export interface SurveyedTransactions {
  /** Path in the directory. */
  readonly file: string
  /** Where the entries are that can be read. */
  readonly offsets: readonly number[]
  readonly salt: number | undefined
}

const folder = 'transactions'
const journal = 'sets.journal'

/** Reads the transactions. Undefined if there is no file of them. Rejects with `ERR_FUTURE_FORMAT`. */
export async function surveyTransactions(
  files: WatchedFiles,
  findings: Findings,
): Promise<SurveyedTransactions | undefined> {
  const path = `${folder}/${journal}`
  const names = await files.list(folder)
  for (const name of names) {
    if (name === journal) continue
    findings.note({ file: `${folder}/${name}`, what: 'a file that is not needed' })
  }
  if (!names.includes(journal)) return undefined
  const offsets: number[] = []
  const { salt } = await files.use(path, (file) =>
    surveyJournal({
      file,
      path,
      kind: 'tran',
      findings,
      consequence:
        'so that transactions are lost, or cannot be applied and become dead letters, or are back as they were before',
      visit(body, offset) {
        readTransactionEntry(body)
        offsets.push(offset)
      },
    }),
  )
  return { file: path, offsets, salt }
}

/**
 * The bodies of the entries that can be read, in their order. What goes on by a marker has it sent once more when the copy is opened,
 * as that may be lost with a part of the log: this is noted, as if somebody had been about to. `hasLetter` tells whether the copy
 * has the dead letter of a transaction for a target; one that is parked and has none goes on like the others.
 */
export async function* readTransactions(
  files: WatchedFiles,
  { file: path, offsets, salt }: SurveyedTransactions,
  hasLetter: (id: string, target: string) => boolean,
): AsyncGenerator<Uint8Array> {
  if (salt === undefined) return
  const file = await files.open(path)
  try {
    const window = new JournalWindow(file, await file.size())
    for (const offset of offsets) {
      const entry = await window.entryAt(offset, salt)
      // The window's bytes are used again.
      if (entry) yield salvaged(Buffer.from(entry.subarray(entryHeaderBytes)), hasLetter)
    }
  } finally {
    await file.close()
  }
}

function salvaged(body: Buffer, hasLetter: (id: string, target: string) => boolean): Buffer {
  const entry = readTransactionEntry(body)
  if (entry.kind !== 'head' || entry.head.state === 'open' || hasEnded(entry.head)) return body
  const { head } = entry
  const marker = { state: 'sending', at: 0, isRepeat: true } as const
  const targets = Object.entries(head.targets).map(([name, progress]) => {
    const isLeft = progress.state === 'parked' && !hasLetter(head.id, name)
    const again = { state: 'applying', attemptedAt: progress.applied, failure: undefined } as const
    return [name, isLeft ? { ...progress, ...again } : progress] as const
  })
  const left = Object.fromEntries(targets)
  return encodeHead({ ...head, targets: left, state: stateOf(left), marker })
}

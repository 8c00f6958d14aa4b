import { isWalError } from '../../../errors.ts'
import type { ReadableFile } from '../file-system.ts'
import {
  entryBytes,
  entryHeaderBytes,
  headerBytes,
  type JournalKind,
  readHeader,
  saltOfHeader,
} from '../journal-format.ts'
import { JournalWindow } from '../journal-window.ts'
import type { Finding, Findings } from './finding.ts'

/** What was read of a journal, and could not be. */
export interface JournalSurvey {
  readonly bytes: number
  /** Entries that could be read. */
  readonly entries: number
  /** Undefined where not even the header could be read: nothing can be used. */
  readonly salt: number | undefined
}

export interface JournalSurveyOptions {
  readonly file: ReadableFile
  /** In the directory. */
  readonly path: string
  readonly kind: JournalKind
  readonly findings: Findings
  /** What a problem with its entries comes to. */
  readonly consequence: string
  /** Is shown the entries in order. What it throws makes a finding of the entry. */
  visit(body: Buffer, offset: number): void
}

/**
 * Reads a journal's entries, also those behind bytes that are damaged. What is damaged is a problem
 * if an entry behind it says that it had been synced, and the leftover of a crash if not. Rejects
 * with `ERR_FUTURE_FORMAT`.
 */
export async function surveyJournal(options: JournalSurveyOptions): Promise<JournalSurvey> {
  const survey = new Survey(options, await options.file.size())
  return survey.run()
}

interface Gap {
  readonly from: number
  readonly to: number
  /** Number of the first entry that is lost. */
  readonly number: number
  readonly entries: number
}

class Survey {
  readonly #options: JournalSurveyOptions
  readonly #window: JournalWindow
  readonly #gaps: Gap[] = []
  #salt = 0
  #headerIsWhole = false
  #entries = 0
  #lasting = 0

  constructor(options: JournalSurveyOptions, size: number) {
    this.#options = options
    this.#window = new JournalWindow(options.file, size)
  }

  async run(): Promise<JournalSurvey> {
    await this.#readHeader()
    const end = await this.#walk()
    if (this.#headerIsWhole) this.#noteGaps(end)
    const bytes = this.#window.size
    const salt = this.#headerIsWhole || this.#entries > 0 ? this.#salt : undefined
    return { bytes, entries: this.#entries, salt }
  }

  /** Where the header is damaged its salt may be right all the same: an entry will tell. */
  async #readHeader(): Promise<void> {
    const { file, path, kind, findings, consequence } = this.#options
    try {
      this.#salt = await readHeader(file, kind, path)
      this.#headerIsWhole = true
    } catch (error) {
      if (!isWalError(error) || error.code === 'ERR_FUTURE_FORMAT') throw error
      this.#salt = await saltOfHeader(file)
      const what = `the header of a journal is damaged, ${consequence}`
      findings.problem({ file: path, from: 0, to: headerBytes, what })
    }
  }

  /** Answers where the last entry ends. */
  async #walk(): Promise<number> {
    let offset = headerBytes
    let number = 0
    for (;;) {
      const found = await this.#next(offset, number)
      if (found === undefined) return offset
      const { entry, at } = found
      const here = entry.readUInt32LE(8)
      if (at > offset || here > number) {
        this.#gaps.push({ from: offset, to: at, number, entries: here - number })
      }
      this.#lasting = Math.max(this.#lasting, entry.readUInt32LE(12))
      this.#entries += 1
      this.#visit(entry.subarray(entryHeaderBytes), at)
      offset = at + entryBytes(entry.byteLength - entryHeaderBytes)
      number = here + 1
    }
  }

  /** The next whole entry. Between it and the last one there is room for the entries left out. */
  async #next(
    from: number,
    number: number,
  ): Promise<{ readonly entry: Buffer; readonly at: number } | undefined> {
    const { size } = this.#window
    for (let at = from; at + entryHeaderBytes <= size; at += 8) {
      const most = number + (at - from) / entryHeaderBytes
      const fits = (found: number): boolean => found >= number && found <= most
      const entry = await this.#window.entryAt(at, this.#salt, fits)
      if (entry) return { entry, at }
    }
    return undefined
  }

  #visit(body: Buffer, at: number): void {
    const { visit, path, findings, consequence } = this.#options
    if (body.byteLength === 0) return
    try {
      visit(body, at)
    } catch (error) {
      if (isWalError(error) && error.code === 'ERR_FUTURE_FORMAT') throw error
      const what = `an entry makes no sense (${String(error)}), ${consequence}`
      findings.problem({ file: path, from: at, to: at + entryBytes(body.byteLength), what })
    }
  }

  #noteGaps(end: number): void {
    const { path: file, findings, consequence } = this.#options
    for (const { from, to, number, entries: mostEntries } of this.#gaps) {
      const place = { file, from, to, mostEntries }
      if (this.#lasting <= number) findings.note({ ...place, what: tornEntries })
      else {
        const what = `entries are damaged, ${consequence}`
        findings.problem({ ...place, what, proof: 'entries behind them call them synced' })
      }
    }
    const { size } = this.#window
    if (end < size) findings.note({ file, from: end, to: size, what: tornEntries })
  }
}

const tornEntries: Finding['what'] = 'a torn write: nothing shows that these bytes had been synced'
